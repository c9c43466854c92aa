"""The sites of the groups on one chip: chosen together with the ways of their input vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ortools.sat.python import cp_model

from pcmesh.hardware import GridSpec, Site
from pcmesh.hardware.mesh import Mesh, Net, columns_net, rows_net
from pcmesh.placement.plane import Plane, solver

# Budgets of the solver in its own deterministic unit (about a second on one core).
FIND_BUDGET = 10.0
SHORTEN_BUDGET = 0.4
SHORTEN_BUDGET_PER_TILE = 0.02


@dataclass(frozen=True)
class Unit:
    """A group to place, as the mesh sees it: groups with equal units are interchangeable.

    Attributes:
        takes: for each plane, the number of the feed that each tile's rows take (None: none).
        gives: for each plane, the number of the feed that the bank drives (None: none).
    """

    takes: tuple[tuple[int | None, ...], ...]
    gives: tuple[int | None, ...]
    tiles: int


@dataclass(frozen=True)
class Problem:
    """Everything that the sites on one chip depend on.

    Attributes:
        units: the groups.
        from_ilp: for each plane, whether each feed comes from an ILP (else a unit gives it).
    """

    units: tuple[Unit, ...]
    from_ilp: tuple[tuple[bool, ...], ...]


@lru_cache(maxsize=64)
def choose_sites(problem: Problem, grid: GridSpec) -> tuple[Site, ...] | None:
    """Return the (north) site of every unit such that all planes can be routed, in few hops; None if none was found."""
    model = _SiteModel(problem, grid)
    find = solver(FIND_BUDGET)
    if find.solve(model.model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    model.hint(find)
    model.model.minimize(sum(hop for plane in model.planes for hop in plane.hops()))
    tiles = sum(unit.tiles for unit in problem.units)
    shorten = solver(SHORTEN_BUDGET + SHORTEN_BUDGET_PER_TILE * tiles, relaxation=0)
    if shorten.solve(model.model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return model.read(find)
    return model.read(shorten)


class _SiteModel:
    """Sites of classes of interchangeable units, with one plane of trees per step that differs."""

    def __init__(self, problem: Problem, grid: GridSpec) -> None:
        self.model = cp_model.CpModel()
        self.problem = problem
        self.classes: dict[Unit, list[int]] = {}
        for number, unit in enumerate(problem.units):
            self.classes.setdefault(unit, []).append(number)
        self.mesh = Mesh(grid)
        self._add_sites(grid)
        self.planes = [self._add_plane(plane, feeds) for plane, feeds in enumerate(problem.from_ilp)]

    def _add_sites(self, grid: GridSpec) -> None:
        sites = set(grid.sites)
        self.at: dict[tuple[Unit, Site], cp_model.IntVar] = {}
        covering: dict[Site, list[cp_model.IntVar]] = {site: [] for site in grid.sites}
        for unit, members in self.classes.items():
            for site in grid.sites:
                covered = [Site(site.row + below, site.column) for below in range(unit.tiles)]
                if all(place in sites for place in covered):
                    placed = self.at[unit, site] = self.model.new_bool_var("")
                    for place in covered:
                        covering[place].append(placed)
            self.model.add(sum(v for (own, _), v in self.at.items() if own == unit) == len(members))
        for literals in covering.values():
            self.model.add_at_most_one(literals)

    def _add_plane(self, plane: int, feeds: Sequence[bool]) -> Plane:
        pads = self.mesh.pads(self.mesh.grid.ilps)
        starts: list[dict[Net, cp_model.IntVar]] = []
        for feed, from_ilp in enumerate(feeds):
            if from_ilp:
                starts.append({pad: self.model.new_bool_var("") for pad in pads})
                self.model.add_exactly_one(starts[-1].values())
            else:
                starts.append(
                    {
                        columns_net(Site(site.row + unit.tiles - 1, site.column)): placed
                        for (unit, site), placed in self.at.items()
                        if unit.gives[plane] == feed
                    }
                )
        made = Plane(self.model, self.mesh, starts)
        for (unit, site), placed in self.at.items():
            for below, taken in enumerate(unit.takes[plane]):
                if taken is not None:
                    rows = rows_net(Site(site.row + below, site.column))
                    self.model.add_implication(placed, made.carries[rows, taken])
        return made

    def hint(self, found: cp_model.CpSolver) -> None:
        variables = [*self.at.values()]
        for plane in self.planes:
            variables += [*plane.carries.values(), *plane.hops()]
            variables += [literal for starts in plane.starts for literal in starts.values()]
        for variable in dict.fromkeys(variables):
            self.model.add_hint(variable, found.value(variable))

    def read(self, found: cp_model.CpSolver) -> tuple[Site, ...]:
        sites: dict[int, Site] = {}
        for unit, members in self.classes.items():
            taken = [site for (own, site), placed in self.at.items() if own == unit and found.value(placed)]
            sites.update(zip(members, sorted(taken), strict=True))
        return tuple(sites[number] for number in range(len(self.problem.units)))
