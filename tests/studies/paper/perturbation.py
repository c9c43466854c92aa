"""Chips that differ from the preset in one value, and which rows' answers follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from pcmesh.errors import PcmeshError
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.studies.paper.answers import all_answers
from pcmesh.studies.paper.claims import Value
from pcmesh.studies.paper.experiments import Experiments, PaperOptions

FIXED = {
    "name": "what the chip is called",
    "pcm.table": "filled from a CSV file",
    "controller.word_bits": "other lengths are refused",
    "controller.clock_ns": "other clocks are refused",
}
"""Keys that cannot have another value."""

WORDS: Mapping[str, tuple[object, ...]] = {
    "pcm.law": ("pcm_like", "hermes_1"),
    "column.capacitor_units_used": (5, "smallest"),
    "grid.gaps": ([[2, 2]],),
}
"""Other values of keys that are no numbers."""


def other_chips(sections: Iterable[str] = ()) -> Iterator[tuple[str, ChipSpec]]:
    """Return key and chip for each value of the preset, or of some of its sections, that can be another."""
    base = load_chip()
    chosen = tuple(sections)
    for section, values in base.model_dump().items():
        if chosen and section not in chosen:
            continue
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            key = f"{section}.{name}" if name else section
            if key not in FIXED:
                yield key, _changed(base, section, name, _others(key, value))


def _others(key: str, value: Any) -> Iterator[object]:
    if key in WORDS:
        yield from (word for word in WORDS[key] if word != value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value * 2, value // 2, value + 1, value - 1)
    elif isinstance(value, float):
        yield from (value * 1.5, value / 2, value + 0.01)
    elif isinstance(value, list | tuple):
        yield value[:-1]
    elif isinstance(value, dict):
        for name, number in value.items():
            yield from ({**value, name: other} for other in _others(f"{key}.{name}", number))


def _changed(base: ChipSpec, section: str, name: str, others: Iterator[object]) -> ChipSpec:
    """Return the chip with the first other value that it can have."""
    for other in others:
        plain = base.model_dump()
        if name:
            plain[section][name] = other
        else:
            plain[section] = other
        try:
            return ChipSpec.model_validate(plain)
        except (ValidationError, PcmeshError):
            continue
    raise AssertionError(f"no other value of {section}.{name} was found: name one in WORDS, or the reason in FIXED")


def experiments(chip: ChipSpec | None = None) -> Experiments:
    """Return the experiments of a quick run, with another chip."""
    found = Experiments(PaperOptions())
    if chip is not None:
        found.__dict__["chip"] = chip
    return found


Parts = tuple[object, ...]


def parts(value: Value | None) -> Parts:
    """Return the numbers of an answer; words are one part."""
    return tuple(value) if isinstance(value, tuple) else (value,)


def answers(chosen: Iterable[int], found: Experiments) -> dict[int, Parts]:
    """Return the answers of rows, by their number; a chip that cannot answer answers with its error."""
    known, values = all_answers(), {}
    for number in chosen:
        try:
            values[number] = parts(known[number](found).ours)
        except PcmeshError as error:
            values[number] = (type(error).__name__,)
    return values


class Followed:
    """Which keys moved each number of each row."""

    def __init__(self, base: Mapping[int, Parts]) -> None:
        self._base = base
        self.keys: dict[int, list[set[str]]] = {number: [set() for _ in value] for number, value in base.items()}

    def add(self, key: str, other: Mapping[int, Parts]) -> None:
        """Compare the answers with another value of a key."""
        for number, value in other.items():
            before = self._base[number]
            for place in range(len(before)):
                if len(value) != len(before) or value[place] != before[place]:
                    self.keys[number][place].add(key)

    def echoes(self) -> dict[int, set[str]]:
        """Return the rows that follow, but none of whose numbers follows more than one key."""
        moved = {number: places for number, places in self.keys.items() if any(places)}
        return {n: set().union(*places) for n, places in moved.items() if all(len(place) <= 1 for place in places)}

    def unmoved(self) -> set[int]:
        """Return the rows that never moved."""
        return {number for number, places in self.keys.items() if not any(places)}

    def by_key(self) -> dict[str, set[int]]:
        """Return the rows that each key moved."""
        found: dict[str, set[int]] = defaultdict(set)
        for number, places in self.keys.items():
            for key in set().union(*places):
                found[key].add(number)
        return found


def followed(
    chosen: Iterable[int], changed: Iterable[tuple[str, Callable[[], Experiments]]], base: Experiments
) -> Followed:
    """Answer rows again for each changed value."""
    rows = tuple(chosen)
    found = Followed(answers(rows, base))
    for key, make in changed:
        found.add(key, answers(rows, make()))
    return found
