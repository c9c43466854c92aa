"""Where each tile image lies."""

from __future__ import annotations

from pcmesh.files.artefact import Artefact, check
from pcmesh.hardware import ChipSpec, Site
from pcmesh.mapping import Mapping

_MOST_CHIPS = 10_000
"""More chips than any network that can be simulated takes."""


class Place(Artefact):
    """The chip (0-based) and site of a tile image."""

    chip: int
    site: Site


class Placement(Artefact):
    """The place of every tile image, by its index."""

    places: tuple[Place, ...]

    @property
    def chips(self) -> int:
        """Number of chips."""
        return 1 + max((place.chip for place in self.places), default=-1)

    def verify(self, mapping: Mapping, chip: ChipSpec) -> None:
        """Check that sites exist, are used once, and that tiles that share capacitors are vertical neighbours.

        Raises:
            VerificationError: naming the tile or the group.
        """
        check(len(self.places) == len(mapping.tiles), "not every tile has a place")
        check(len(set(self.places)) == len(self.places), "two tiles have one place")
        for index, place in enumerate(self.places):
            check(place.site in chip.grid.sites, f"tile {index}: no tile at {tuple(place.site)}")
            check(0 <= place.chip < _MOST_CHIPS, f"tile {index}: on chip {place.chip}, possible are 0 to {_MOST_CHIPS}")
        for group in mapping.groups:
            if len(group.tiles) == 2:
                north, south = (self.places[tile] for tile in group.tiles)
                below = Site(north.site.row + 1, north.site.column)
                check(
                    north.chip == south.chip and south.site == below,
                    f"group {group.index}: its tiles are not vertical neighbours",
                )
