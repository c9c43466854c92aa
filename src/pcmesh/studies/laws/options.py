"""What the laws are measured with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pcmesh.files.cache import ResultCache, fingerprint
from pcmesh.hardware import ChipSpec
from pcmesh.progress import Progress, quiet

Network = Literal["all", "rnnt", "kws", "own"]

CHIPS, SENTENCES, WORDS, SEEDS = 10, 60, 600, 10
QUICK_CHIPS, QUICK_SENTENCES, QUICK_WORDS = 3, 20, 200


@dataclass(frozen=True, kw_only=True)
class LawOptions:
    """What to measure, and on how much.

    Attributes:
        network: whose laws; those of the chip alone are always among them.
        quick: leave out what takes minutes.
        chips: instances that every arm of a comparison runs on.
        sentences: that the RNN-T hears, synthetic and held out.
        words: that the keyword network hears, likewise.
        dies: for the transport of durations.
        seed: of everything random.
    """

    network: Network = "all"
    quick: bool = False
    chips: int = CHIPS
    sentences: int = SENTENCES
    words: int = WORDS
    dies: int = SEEDS
    seed: int = 0

    def with_chips(self, chips: int) -> LawOptions:
        """Return the same with so many chips in every arm, and dies."""
        return replace(self, chips=chips, dies=chips)

    def quickly(self) -> LawOptions:
        """Return the same with few chips and little speech."""
        few = {"chips": QUICK_CHIPS, "sentences": QUICK_SENTENCES, "words": QUICK_WORDS, "dies": QUICK_CHIPS}
        return replace(self, quick=True, **{name: min(getattr(self, name), most) for name, most in few.items()})


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The chip that is looked at, and how.

    Attributes:
        chip: the chip.
        options: on how much.
        work: folder where finished measurements are kept.
        fresh: forget those.
        report: receives the stage, what is done of it and its total.
    """

    chip: ChipSpec
    options: LawOptions
    work: Path
    fresh: bool = False
    report: Progress = quiet
    _kept: dict[str, ResultCache] = field(default_factory=dict, repr=False)

    def kept(self, *parts: Any) -> ResultCache:
        """Return what was measured of this chip with data and seed as these; parts name the measurement."""
        own = asdict(self.options)
        data = {name: own[name] for name in ("sentences", "words", "seed")}
        measured = self.chip.model_dump(mode="json"), data, *parts
        key = fingerprint(measured)
        if key not in self._kept:
            self._kept[key] = ResultCache(self.work / "laws", measured, self.fresh)
        return self._kept[key]
