"""How weights use the two device pairs of a unit cell: one record an encoding, which everything else reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final, Literal, NamedTuple, Self

from pcmesh.errors import ConfigurationError
from pcmesh.registry import Registry

Part = Literal["positive", "negative"]
Polarity = Literal[1, -1]


class Phase(NamedTuple):
    """One integration step of a tile.

    pairs: device pairs that conduct, (1,), (2,) or (1, 2). polarity: +1 charges with W·x, -1 the reverse.
    part: which part of the signed input vector the pulses carry (|x| where x > 0, or where x < 0).
    """

    pairs: tuple[int, ...]
    polarity: Polarity
    part: Part


class Second(StrEnum):
    """What the second device pair (WP2) holds beside the first (WP1)."""

    OTHER_ROWS = "other rows"
    SAME = "the same weight"
    NEGATED = "the weight negated"
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class EncodingRecord:
    """All that an encoding is.

    Attributes:
        name: as users write it; without spaces and commas.
        meaning: for people, in a few words.
        second: what WP2 holds.
        signed: integration steps of a tile, in order; pairs that hold nothing are left out.
        unsigned: the same for inputs that have no negative part.
        completes: WP2 is programmed with what WP1 missed.
        reference: 0: a weight is the difference of two devices, one of them near 0. More: G+ alone carries the weight
            around this conductance (in units of g_max), which G- holds for every weight.
    """

    name: str
    meaning: str
    second: Second
    signed: tuple[Phase, ...]
    unsigned: tuple[Phase, ...]
    completes: bool = False
    reference: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what would not compute the product.

        Raises:
            ConfigurationError: naming the encoding.
        """
        if not self.name or set(self.name) & set(" ,="):
            raise ConfigurationError(f"the encoding {self.name!r} has no usable name", "Leave out spaces, commas and =")
        if not 0 <= self.reference < 1:
            raise ConfigurationError(f"{self.name}: reference = {self.reference:g}", "Give 0, or less than 1 (g_max)")
        if self.completes and self.second is not Second.SAME:
            raise ConfigurationError(f"{self.name}: WP2 completes WP1, but holds {self.second}", "Hold the same weight")
        counts = {self._count(pairs, "positive", self.unsigned) for pairs in self._uses}
        counts |= {self._count(pairs, "positive", self.signed) for pairs in self._uses}
        counts |= {-self._count(pairs, "negative", self.signed) for pairs in self._uses}
        silent = all(phase.part == "positive" for phase in self.unsigned)
        if len(counts) != 1 or min(counts) <= 0 or not silent:
            raise ConfigurationError(
                f"{self.name}: its integration steps do not add up to W·x",
                "Each weight must count alike for positive and, reversed, for negative inputs, on every pair with rows",
            )

    @property
    def stacked(self) -> bool:
        """Whether the pairs hold different rows, so that a tile holds twice as many."""
        return self.second is Second.OTHER_ROWS

    @property
    def row_blocks(self) -> int:
        """Blocks of rows on a tile."""
        return len(self._uses)

    @property
    def amplitude(self) -> float:
        """Difference of the two devices' conductances for the largest weight, in units of g_max."""
        return min(self.reference, 1 - self.reference) or 1.0

    @property
    def signal(self) -> float:
        """How often the largest weight counts at the capacitor, in units of g_max: over all steps of one input part."""
        return self._count(self._uses[0], "positive", self.unsigned) * self.amplitude

    @property
    def devices(self) -> int:
        """Devices of a pair that hold a weight."""
        return 1 if self.reference else 2

    def sign(self, pair: int) -> Polarity:
        """Return the sign with which a pair holds its weights."""
        return -1 if pair == 2 and self.second is Second.NEGATED else 1

    def steps(self, signed: bool, uses_wp2: bool) -> tuple[Phase, ...]:
        """Return the integration steps of a tile, in order (paper: Fig. 3d, 3e; Extended Data Fig. 5b)."""
        steps = self.signed if signed else self.unsigned
        return steps if uses_wp2 else tuple(step for step in steps if 2 not in step.pairs)

    @property
    def _uses(self) -> tuple[tuple[int, ...], ...]:
        """Pairs that hold the same rows."""
        if self.stacked:
            return ((1,), (2,))
        return ((1,),) if self.second is Second.NOTHING else ((1, 2),)

    def _count(self, pairs: tuple[int, ...], part: Part, steps: tuple[Phase, ...]) -> int:
        taken = [(step.polarity, pair) for step in steps if step.part == part for pair in step.pairs if pair in pairs]
        return sum(polarity * self.sign(pair) for polarity, pair in taken)


_FIRST = (Phase((1,), 1, "positive"), Phase((1,), -1, "negative"))
_SECOND = (Phase((2,), 1, "positive"), Phase((2,), -1, "negative"))
_NEGATED = (Phase((2,), 1, "negative"), Phase((2,), -1, "positive"))
_BOTH = (Phase((1, 2), 1, "positive"), Phase((1, 2), -1, "negative"))

PCM2: Final = EncodingRecord(
    name="2-PCM",
    meaning="the pairs hold different rows",
    second=Second.OTHER_ROWS,
    signed=_FIRST + _SECOND,
    unsigned=(_FIRST[0], _SECOND[0]),
)
PCM4: Final = EncodingRecord(
    name="4-PCM",
    meaning="both pairs hold the same weight and are read together",
    second=Second.SAME,
    signed=_BOTH,
    unsigned=_BOTH[:1],
    completes=True,
)
# WP2 holds -W and sees -x: its positive part is the negative part of x
AB: Final = EncodingRecord(
    name="AB",
    meaning="asymmetry balance: WP2 holds -W and is driven with -x",
    second=Second.NEGATED,
    signed=_FIRST + _NEGATED,
    unsigned=(_FIRST[0], _NEGATED[1]),
)

ENCODINGS: Final = Registry(
    kind="encoding",
    group="pcmesh.encodings",
    protocol="pcmesh.mapping.encodings:EncodingRecord",
    shipped={
        name: f"pcmesh.mapping.encodings:{place}"
        for name, place in (("2-PCM", "PCM2"), ("4-PCM", "PCM4"), ("AB", "AB"))
    },
)


class Encoding(StrEnum):
    """How weights use the two device pairs (WP1, WP2) of a unit cell; those of packages come by `Encoding("name")`.

    2-PCM: the pairs hold different rows. 4-PCM: both pairs hold the same weight and are read together.
    AB (asymmetry balance): WP2 holds -W and is driven with -x. Paper: Fig. 1g, 1h, 3d.
    """

    PCM2 = "2-PCM"
    PCM4 = "4-PCM"
    AB = "AB"

    @property
    def record(self) -> EncodingRecord:
        """What the encoding is."""
        return _record(self.value)

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str) or value not in ENCODINGS:
            return None
        record = _record(value)
        if record.name != value:
            raise ConfigurationError(f"the encoding {value!r} calls itself {record.name!r}", "Give both the same name")
        added = str.__new__(cls, value)
        added._name_, added._value_ = value, value
        kept: Self = cls._value2member_map_.setdefault(value, added)  # type: ignore[assignment]
        return kept


@cache
def _record(name: str) -> EncodingRecord:
    record: EncodingRecord = ENCODINGS.load(name)
    return record


def integration_phases(encoding: Encoding, signed: bool, uses_wp2: bool = True) -> tuple[Phase, ...]:
    """Return the integration steps of a tile, in order; an unsigned (ReLU) input needs none for the negative part."""
    return encoding.record.steps(signed, uses_wp2)
