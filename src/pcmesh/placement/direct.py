"""Placement of networks whose layers all have digital ends, without looking for ways through the mesh."""

from __future__ import annotations

from pcmesh.errors import CapacityError
from pcmesh.hardware import ChipSpec, Site
from pcmesh.mapping import Mapping
from pcmesh.placement.chips import place_by
from pcmesh.placement.types import Placement


def place_direct(mapping: Mapping, chip: ChipSpec) -> Placement:
    """Give every tile image a chip and a site in reading order, pairs of neighbours first.

    It takes milliseconds where `place` may take seconds for each chip, and suits what runs one product at a time: a
    vector that has the mesh to itself reaches every tile.

    Args:
        mapping: tiles and groups; a layer's `chip` pins it.
        chip: the kind of chip; as many of them are used as needed.

    Raises:
        CapacityError: layers that must be on one chip do not fit on one.
        ConfigurationError: pins contradict each other.
    """
    return place_by(mapping, chip, lambda number, groups: _places(mapping, chip, number, groups))


def _places(mapping: Mapping, chip: ChipSpec, number: int, groups: list[int]) -> dict[int, Site]:
    free = {site: None for site in sorted(chip.grid.sites, key=lambda site: (site.column, site.row))}
    found: dict[int, Site] = {}
    for group in sorted(groups, key=lambda group: -len(mapping.groups[group].tiles)):
        tiles = mapping.groups[group].tiles
        sites = _sites(free, len(tiles))
        if sites is None:
            raise CapacityError(
                f"chip {number}: no {len(tiles)} free vertical neighbours are left on its "
                f"{chip.grid.rows} x {chip.grid.columns} grid",
                "Pin some layers to another chip",
            )
        for tile, site in zip(tiles, sites, strict=True):
            found[tile] = site
            del free[site]
    return found


def _sites(free: dict[Site, None], count: int) -> list[Site] | None:
    for site in free:
        wanted = [Site(site.row + below, site.column) for below in range(count)]
        if all(place in free for place in wanted):
            return wanted
    return None
