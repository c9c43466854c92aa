"""Two results of one command side by side: what was asked for, what came out, and what the same chips say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from pcmesh.analysis.accuracy import interval_95
from pcmesh.errors import InputError

CLEAR: Final = "the difference is clear"
OPEN: Final = "these chips do not decide"
NONE: Final = "no chip differs"
ASKED: Final = frozenset({"configuration", "options", "chip", "seed", "time_since_programming_s", "time", "data"})
"""Parts of a result that say what was asked for."""
_LEFT_OUT: Final = frozenset({"figures", "versions", "utterances", "ci95", "computing_s"})
"""Parts that are drawn, listed or follow from others."""
_NAMES: Final = ("name", "layer", "variant", "cost", "chip", "step")
_LONGEST_LIST = 64
_LEAST_SHARED = 0.5

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Asked:
    """Something that the two were asked for differently, or that is no number; None where one lacks it."""

    key: str
    first: Scalar
    second: Scalar


@dataclass(frozen=True)
class ComparedFigure:
    """A figure that differs."""

    key: str
    first: float
    second: float

    @property
    def change(self) -> float:
        """Second minus first."""
        return self.second - self.first

    @property
    def relative(self) -> float | None:
        """Change in units of the first's magnitude; None where that is 0."""
        return self.change / abs(self.first) if self.first else None


@dataclass(frozen=True)
class Paired:
    """The change chip by chip, over chips of the same seed: its mean and 95 % interval."""

    key: str
    chips: int
    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Whether the interval leaves out 0; one chip decides nothing."""
        if self.mean == self.low == self.high == 0:
            return NONE
        return CLEAR if self.chips > 1 and not self.low <= 0 <= self.high else OPEN


@dataclass(frozen=True)
class TwoResults:
    """A comparison.

    Attributes:
        asked: what differs of what was asked for.
        figures: numbers that differ.
        same: how many are the same.
        paired: the changes chip by chip.
        unpaired: why there are none although both hold chips' values; "" otherwise.
    """

    asked: tuple[Asked, ...]
    figures: tuple[ComparedFigure, ...]
    same: int
    paired: tuple[Paired, ...]
    unpaired: str

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "asked": [asdict(entry) for entry in self.asked],
            "figures": [asdict(f) | {"change": f.change, "relative": f.relative} for f in self.figures],
            "same": self.same,
            "paired": [asdict(entry) | {"verdict": entry.verdict} for entry in self.paired],
            "unpaired": self.unpaired,
        }


def compare_results(first: Mapping[str, Any], second: Mapping[str, Any]) -> TwoResults:
    """Compare two results of one command.

    Raises:
        InputError: they are of different commands: most keys of one are none of the other's.
    """
    _check_kind(first, second)
    before, after = dict(_leaves(first)), dict(_leaves(second))
    asked, figures, same = [], [], 0
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if key.partition(".")[0] in ASKED or not (_is_number(old) and _is_number(new)):
            asked += [Asked(key, old, new)] if old != new else []
        elif old == new:
            same += 1
        else:
            figures.append(ComparedFigure(key, float(old or 0), float(new or 0)))
    paired, unpaired = _paired(first, second)
    return TwoResults(tuple(asked), tuple(figures), same, paired, unpaired)


def _check_kind(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    shared, every = first.keys() & second.keys(), first.keys() | second.keys()
    if len(shared - {"versions"}) < max(1, _LEAST_SHARED * len(every - {"versions"})):
        only = ", ".join(sorted(map(str, (first.keys() ^ second.keys())))[:4])
        raise InputError(
            f"the results are of different commands: only one of them has {only or 'anything'}",
            "Give two result.json of the same command",
        )


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Scalar]]:
    """Yield every number and word with its key; entries of lists by their name, or by their place from 0."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            if key not in _LEFT_OUT and not (key == "per_chip" and _all_numbers(below)):
                yield from _leaves(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        if len(value) <= _LONGEST_LIST:
            for number, below in enumerate(value):
                yield from _leaves(below, f"{path}.{_name(below, number)}")
    elif value is None or isinstance(value, str | int | float):
        yield path, value


def _name(entry: Any, number: int) -> str:
    if isinstance(entry, Mapping):
        return next((str(entry[key]) for key in _NAMES if isinstance(entry.get(key), str | int)), str(number))
    return str(number)


def _paired(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[tuple[Paired, ...], str]:
    before, after = dict(_per_chip(first)), dict(_per_chip(second))
    shared = [key for key in before if key in after]
    if not shared:
        return (), ""
    seeds = _seed(first), _seed(second)
    if None in seeds or seeds[0] != seeds[1]:
        return (), f"the chips are not the same ones (seeds: {seeds[0]} and {seeds[1]})"
    if any(first.get(key) != second.get(key) for key in ("n_utterances", "data")):
        return (), "the chips did not run the same data"
    found = []
    for key in shared:
        changes = [new - old for old, new in zip(before[key], after[key], strict=False)]
        found.append(Paired(key, len(changes), sum(changes) / len(changes), *interval_95(changes)))
    return tuple(found), ""


def _per_chip(value: Any, path: str = "") -> Iterator[tuple[str, list[float]]]:
    """Yield values of chips: lists `per_chip` of numbers, and numbers of the tables in a list `chips`."""
    if isinstance(value, list):
        for number, below in enumerate(value[:_LONGEST_LIST]):
            yield from _per_chip(below, f"{path}.{_name(below, number)}")
        return
    if not isinstance(value, Mapping):
        return
    for key, below in value.items():
        if key == "per_chip" and _all_numbers(below):
            yield path, below
        elif key == "chips" and isinstance(below, list) and below and all(isinstance(one, Mapping) for one in below):
            columns = {name: [one.get(name) for one in below] for name in below[0]}
            yield from ((name, values) for name, values in columns.items() if _all_numbers(values))
        elif key not in _LEFT_OUT and key not in ASKED:
            yield from _per_chip(below, f"{path}.{key}" if path else str(key))


def _seed(result: Mapping[str, Any]) -> object:
    for holder in (result, result.get("configuration"), result.get("options")):
        if isinstance(holder, Mapping) and holder.get("seed") is not None:
            return holder["seed"]
    return None


def _all_numbers(values: Any) -> bool:
    return isinstance(values, Sequence) and bool(values) and all(map(_is_number, values))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
