"""When each group integrates, and which vectors the rows of its tiles take in each time step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pcmesh.errors import CapacityError
from pcmesh.mapping import ColumnGroup, Mapping, Phase
from pcmesh.mapping.types import Part


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


@dataclass
class _Builder:
    mapping: Mapping
    ilps: int
    takers: list[dict[tuple[Slice, int | None], list[int]]] = field(default_factory=list)
    phases: list[dict[int, Phase]] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)


def timeline(mapping: Mapping, groups: Iterable[int], ilps: int) -> tuple[TimelineStep, ...]:
    """Return the integration steps of the groups on one chip.

    Groups start as early as they can: those fed from off-chip while the chip has an input landing pad (ILP) for each
    of their vectors, those fed by other tiles right after these have integrated.

    Args:
        mapping: the mapping.
        groups: indices of the groups on this chip.
        ilps: input landing pads of the chip.

    Raises:
        CapacityError: one group alone takes more vectors at a time than there are ILPs, or a group's producer is
            on another chip.
    """
    chosen = [mapping.groups[index] for index in sorted(groups)]
    builder = _Builder(mapping, ilps)
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
    needs = _needs(builder.mapping, group, producers)
    first = max((builder.ends[source.layer] for source in producers), default=0)
    while not _fits(builder, needs, first):
        first += 1
    for offset, step in enumerate(needs):
        while len(builder.takers) <= first + offset:
            builder.takers.append(defaultdict(list))
            builder.phases.append({})
        for tile, (key, phase) in step.items():
            builder.takers[first + offset][key].append(tile)
            builder.phases[first + offset][tile] = phase
    end = first + len(needs)
    builder.ends[group.layer] = max(builder.ends.get(group.layer, 0), end)


Need = dict[int, tuple[tuple[Slice, int | None], Phase]]


def _needs(mapping: Mapping, group: ColumnGroup, producers: tuple[ColumnGroup, ...]) -> list[Need]:
    """Return, phase after phase, what each tile of a group takes."""
    vector = mapping.layer(group.layer).input
    sources = {source.column_start: source.index for source in producers}
    needs: list[Need] = []
    for index in group.tiles:
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
    """Return whether every step has an ILP for each vector; an error where waiting for a later step cannot help."""
    for offset, step in enumerate(needs):
        own = {key for key, _ in step.values() if key[1] is None}
        if len(own) > builder.ilps:
            tile = next(iter(step))
            raise CapacityError(
                f"layer {builder.mapping.tiles[tile].wp1.layer} takes {len(own)} input vectors at a time, the chip has "
                f"{builder.ilps} input landing pads",
                "Do not share the capacitors of its tiles, or use a chip with more landing pads",
            )
        present = builder.takers[first + offset] if first + offset < len(builder.takers) else {}
        if len(own | {key for key in present if key[1] is None}) > builder.ilps:
            return False
    return True
