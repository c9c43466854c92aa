"""Where things are: tiles, gaps, landing pads, power domains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pydantic import Field

from pcmesh.errors import ConfigurationError
from pcmesh.hardware.base import Broken, Spec


class Site(NamedTuple):
    """A place in the tile grid: row 0 is north, column 0 is west."""

    row: int
    column: int


class Pad(NamedTuple):
    """One input or output landing pad, on the outer edge of a mesh row."""

    domain: str
    edge: Literal["west", "east"]
    row: int


class PadSpec(Spec):
    """A power domain's input and output landing pads (ILP, OLP): which outer edge and mesh row each drives."""

    domain: str = Field(description="name of the power domain")
    edge: Literal["west", "east"] = Field(description="outer edge on which both landing pads lie")
    ilp_row: int | None = Field(
        default=None, ge=0, description="mesh row that the input landing pad drives; left out: there is none"
    )
    olp_row: int = Field(ge=0, description="mesh row that the output landing pad listens to")


class GridSpec(Spec):
    """The tile grid with its gaps, and the landing pads of the power domains."""

    rows: int = Field(ge=1, le=64, description="rows of places, from north to south")
    columns: int = Field(ge=1, le=64, description="columns of places, from west to east")
    gaps: tuple[Site, ...] = Field(description="places without a tile (processing elements); the mesh passes over them")
    pads: tuple[PadSpec, ...] = Field(min_length=1, description="landing pads, one table per power domain")

    def relations(self) -> Iterator[Broken]:
        """Yield gaps and landing pads that cannot be where they are."""
        yield from self._gaps_broken()
        yield from self._pads_broken()

    def _gaps_broken(self) -> Iterator[Broken]:
        for gap, times in Counter(self.gaps).items():
            place, keys = str(list(gap)), ("gaps", "rows", "columns")
            if not (0 <= gap.row < self.rows and 0 <= gap.column < self.columns):
                limit = f"a gap lies inside the {self.rows} x {self.columns} grid (row, column from 0)"
                yield Broken(keys, place, limit, f"Remove {place}, or enlarge the grid")
            if times > 1:
                yield Broken(keys, place, "each gap is listed once", f"Write {place} once")
        if len(set(self.gaps)) >= self.rows * self.columns:
            limit = f"one of the {self.rows * self.columns} places at least holds a tile"
            yield Broken(("gaps", "rows", "columns"), f"{len(self.gaps)} gaps", limit, "Remove gaps")

    def _pads_broken(self) -> Iterator[Broken]:
        for domain, times in Counter(pad.domain for pad in self.pads).items():
            if times > 1:
                yield Broken(("pads",), repr(domain), "each power domain is listed once", "Give it another name")
        whole = Counter((p.edge, row) for p in self.pads if p.ilp_row is not None for row in (p.ilp_row, p.olp_row))
        # A further output landing pad may listen at the end that an input landing pad drives: in other time steps.
        outputs = Counter((p.edge, p.olp_row) for p in self.pads)
        for edge, row in sorted({**whole, **outputs}):
            end = f"{edge} end of mesh row {row}"
            if max(whole[edge, row], outputs[edge, row]) > 1:
                free = next((r for r in range(self.rows) if not whole[edge, r] and not outputs[edge, r]), None)
                remedy = "Move one of them" if free is None else f"Move one of them: row {free} is free there"
                yield Broken(("pads", "rows"), end, "no two landing pads share one end of a mesh row", remedy)
            if row >= self.rows:
                limit = f"the last mesh row is {self.rows - 1} (rows count from 0)"
                yield Broken(("pads", "rows"), end, limit, "List pads on rows that exist, or add rows")

    @property
    def sites(self) -> tuple[Site, ...]:
        """All tiles' places, row by row."""
        places = (Site(r, c) for r in range(self.rows) for c in range(self.columns))
        return tuple(site for site in places if site not in self.gaps)

    @property
    def ilps(self) -> tuple[Pad, ...]:
        """Input landing pads, in the order of the power domains."""
        return tuple(Pad(p.domain, p.edge, p.ilp_row) for p in self.pads if p.ilp_row is not None)

    @property
    def olps(self) -> tuple[Pad, ...]:
        """Output landing pads, in the order of the power domains."""
        return tuple(Pad(p.domain, p.edge, p.olp_row) for p in self.pads)

    def with_more_olps(self, count: int) -> GridSpec:
        """Return the grid with further output landing pads, at the ends of the mesh rows that ILPs drive.

        Raises:
            ConfigurationError: there are not so many free ends.
        """
        taken = {(pad.edge, pad.row) for pad in self.olps}
        free = [pad for pad in self.ilps if (pad.edge, pad.row) not in taken]
        if count > len(free):
            raise ConfigurationError(
                f"{count} more output landing pads, but {len(free)} ends of mesh rows are without one", "Take fewer"
            )
        more = [PadSpec(domain=f"{pad.domain}+", edge=pad.edge, olp_row=pad.row) for pad in free[:count]]
        return GridSpec.model_validate(self.model_dump() | {"pads": (*self.pads, *more)})

    def number(self, site: Site) -> int:
        """Return a tile's number as people see it: from 1, row by row from the north-west."""
        return self.sites.index(site) + 1
