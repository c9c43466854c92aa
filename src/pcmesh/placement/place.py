"""The placer: groups to chips, then to sites such that the mesh can feed them."""

from __future__ import annotations

from pcmesh.errors import CapacityError
from pcmesh.hardware import ChipSpec, Site
from pcmesh.mapping import Mapping
from pcmesh.placement.chips import place_by
from pcmesh.placement.sites import Problem, Unit, choose_sites
from pcmesh.placement.timeline import Feed, timeline, vector_limits
from pcmesh.placement.types import Placement


def place(mapping: Mapping, chip: ChipSpec) -> Placement:
    """Give every tile image a chip and a site.

    Tiles that share capacitors become vertical neighbours, in the order of their group from north to south. Sites are
    found by a constraint solver together with trial routes, so that in every step all vectors reach their rows; on a
    chip where that cannot be, fewer vectors go at a time, in more steps. The answer does not depend on the machine.

    Args:
        mapping: tiles and groups; a layer's `chip` pins it.
        chip: the kind of chip; as many of them are used as needed.

    Raises:
        CapacityError: layers that must be on one chip do not fit on one.
        ConfigurationError: pins contradict each other.
    """
    return place_by(mapping, chip, lambda _, groups: _sites(mapping, groups, chip))


def _sites(mapping: Mapping, groups: list[int], chip: ChipSpec) -> dict[int, Site]:
    ilps = len(chip.grid.ilps)
    for vectors in vector_limits(ilps):
        planes = _planes([step.feeds for step in timeline(mapping, groups, ilps, vectors)])
        sites = choose_sites(_problem(mapping, groups, planes), chip.grid)
        if sites is not None:
            break
    else:
        sites = choose_sites(_problem(mapping, groups, []), chip.grid)
    if sites is None:
        raise CapacityError(
            f"no places found for {len(groups)} groups of tiles on the {chip.grid.rows} x {chip.grid.columns} grid",
            "Pin some layers to another chip",
        )
    return {
        tile: Site(site.row + below, site.column)
        for group, site in zip(groups, sites, strict=True)
        for below, tile in enumerate(mapping.groups[group].tiles)
    }


def _problem(mapping: Mapping, groups: list[int], planes: list[tuple[Feed, ...]]) -> Problem:
    units = tuple(_unit(mapping, group, planes) for group in groups)
    return Problem(units, tuple(tuple(feed.group is None for feed in plane) for plane in planes))


def _planes(steps: list[tuple[Feed, ...]]) -> list[tuple[Feed, ...]]:
    """Return the steps that differ in what the mesh sees (who feeds which tiles), the fullest first."""
    distinct: dict[frozenset[tuple[int | None, tuple[int, ...]]], tuple[Feed, ...]] = {}
    for feeds in steps:
        distinct.setdefault(frozenset((feed.group, feed.tiles) for feed in feeds), feeds)
    largest = sorted(distinct.items(), key=lambda item: -sum(len(feed.tiles) for feed in item[1]))
    kept: list[tuple[frozenset[tuple[int | None, tuple[int, ...]]], tuple[Feed, ...]]] = []
    for seen, feeds in largest:
        if not any(seen <= other for other, _ in kept):
            kept.append((seen, feeds))
    return [feeds for _, feeds in kept]


def _unit(mapping: Mapping, group: int, planes: list[tuple[Feed, ...]]) -> Unit:
    tiles = mapping.groups[group].tiles
    takes = tuple(
        tuple(next((number for number, feed in enumerate(plane) if tile in feed.tiles), None) for tile in tiles)
        for plane in planes
    )
    gives = tuple(next((number for number, feed in enumerate(plane) if feed.group == group), None) for plane in planes)
    return Unit(takes=takes, gives=gives, tiles=len(tiles))
