"""When each group integrates, and which vectors the rows of its tiles take in each time step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pcmesh.errors import CapacityError
from pcmesh.mapping import ColumnGroup, Mapping, Phase
from pcmesh.mapping.encodings import Part


class Slice(NamedTuple):
    """A slice of a vector, and the part of its signed values that the pulses carry."""

    vector: str
    start: int
    stop: int
    part: Part


class Feed(NamedTuple):
    """One vector to the rows of all tiles that take it in one step; read out of `group`, or (None) from an ILP."""

    slice: Slice
    group: int | None
    tiles: tuple[int, ...]


@dataclass(frozen=True)
class TimelineStep:
    """An integration step: the vectors on the mesh, and the phase of each tile that integrates."""

    feeds: tuple[Feed, ...]
    phases: dict[int, Phase]


Source = tuple[Slice, int | None]
Need = dict[int, tuple[Source, Phase]]


@dataclass
class _Builder:
    mapping: Mapping
    ilps: int
    vectors: int
    takers: list[dict[Source, list[int]]] = field(default_factory=list)
    phases: list[dict[int, Phase]] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)


def vector_limits(ilps: int) -> tuple[int | None, ...]:
    """Return the limits on vectors per step that are worth trying, the one with the fewest steps first."""
    return (None, *range(ilps, 0, -1))


def timeline(
    mapping: Mapping, groups: Iterable[int], ilps: int, vectors: int | None = None
) -> tuple[TimelineStep, ...]:
    """Return the integration steps of the groups on one chip.

    Groups start as early as they can: those fed from off-chip while the chip has an input landing pad (ILP) for each
    of their vectors, those fed by other tiles right after these have integrated. Where the tiles of one group take
    more vectors than can be sent at once, they integrate one after the other: the bank adds up in any order.

    Args:
        mapping: the mapping.
        groups: indices of the groups on this chip.
        ilps: input landing pads of the chip.
        vectors: largest number of vectors on the mesh in one step, from any source; None: no limit.

    Raises:
        CapacityError: a group's producer is on another chip.
    """
    chosen = [mapping.groups[index] for index in sorted(groups)]
    builder = _Builder(mapping, ilps, len(mapping.tiles) if vectors is None else vectors)
    present = {group.index for group in chosen}
    for layer in _in_dependence_order(mapping, chosen):
        producers = mapping.producers(layer)
        absent = [group.index for group in producers if group.index not in present]
        if absent:
            raise CapacityError(
                f"layer {layer} takes durations from layer {producers[0].layer}, which is on another chip",
                "Pin both layers to one chip",
            )
        for group in (group for group in chosen if group.layer == layer):
            _add(builder, group, producers)
    return tuple(
        TimelineStep(
            tuple(Feed(key[0], key[1], tuple(tiles)) for key, tiles in takers.items()), dict(sorted(phases.items()))
        )
        for takers, phases in zip(builder.takers, builder.phases, strict=True)
    )


def _in_dependence_order(mapping: Mapping, groups: list[ColumnGroup]) -> list[str]:
    """Return the layers of `groups`, each behind the one that feeds it."""
    waiting = list(dict.fromkeys(group.layer for group in groups))
    ordered: list[str] = []
    while waiting:
        ready = next(
            layer for layer in waiting if not any(group.layer in waiting for group in mapping.producers(layer))
        )
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def _add(builder: _Builder, group: ColumnGroup, producers: tuple[ColumnGroup, ...]) -> None:
    ready = max((builder.ends[source.layer] for source in producers), default=0)
    needs = _needs(builder.mapping, group.tiles, producers)
    if all(_within_limits(builder, step.values()) for step in needs):
        parts = [needs]
    else:
        parts = [_needs(builder.mapping, (tile,), producers) for tile in group.tiles]
    for part in parts:
        end = _schedule(builder, part, ready)
        builder.ends[group.layer] = max(builder.ends.get(group.layer, 0), end)


def _schedule(builder: _Builder, needs: list[Need], ready: int) -> int:
    """Let the tiles of `needs` integrate as early as possible from step `ready` on; return the step behind them."""
    first = ready
    while not _fits(builder, needs, first):
        first += 1
    for offset, step in enumerate(needs):
        while len(builder.takers) <= first + offset:
            builder.takers.append(defaultdict(list))
            builder.phases.append({})
        for tile, (key, phase) in step.items():
            builder.takers[first + offset][key].append(tile)
            builder.phases[first + offset][tile] = phase
    return first + len(needs)


def _needs(mapping: Mapping, tiles: tuple[int, ...], producers: tuple[ColumnGroup, ...]) -> list[Need]:
    """Return, phase after phase, what each of the tiles takes."""
    vector = mapping.layer(mapping.tiles[tiles[0]].wp1.layer).input
    sources = {source.column_start: source.index for source in producers}
    needs: list[Need] = []
    for index in tiles:
        tile = mapping.tiles[index]
        for number, phase in enumerate(mapping.phases(tile)):
            block = tile.block(phase.pairs[0])
            if block is None:
                continue
            if len(needs) <= number:
                needs.append({})
            taken = Slice(vector, block.row_start, block.row_stop, phase.part)
            needs[number][index] = ((taken, sources.get(block.row_start)), phase)
    return needs


def _fits(builder: _Builder, needs: list[Need], first: int) -> bool:
    """Return whether every step has room for the vectors, those that are on the mesh already included."""
    for offset, step in enumerate(needs):
        present = builder.takers[first + offset] if first + offset < len(builder.takers) else {}
        if not _within_limits(builder, step.values(), present):
            return False
    return True


def _within_limits(builder: _Builder, step: Iterable[tuple[Source, Phase]], present: Iterable[Source] = ()) -> bool:
    sources = {source for source, _ in step} | set(present)
    return len(sources) <= builder.vectors and sum(source[1] is None for source in sources) <= builder.ilps
