"""Multi-cast trees of one time step: every vector from its source to the rows of all tiles that take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ortools.sat.python import cp_model

from pcmesh.errors import CapacityError
from pcmesh.hardware import Site
from pcmesh.hardware.mesh import Guard, Mesh, Net, rows_net
from pcmesh.placement.plane import Plane, solver, tree

# Budgets of the solver in its own deterministic unit (about a second on one core).
FIND_BUDGET = 10.0
SHORTEN_BUDGET = 1.0


class Demand(NamedTuple):
    """A vector's source and destinations: `bank` is the net its group drives, None: any ILP may be the source."""

    bank: Net | None
    rows_of: tuple[Site, ...]


@dataclass(frozen=True)
class Tree:
    """A routed vector: the index of its ILP (None: a bank), and the borderguards on its way, from the source on."""

    ilp: int | None
    guards: tuple[Guard, ...]

    def nets(self, source: Net) -> tuple[Net, ...]:
        """Return the nets that carry the vector."""
        return (source, *(guard.target for guard in self.guards))

    def branch(self, site: Site) -> Tree:
        """Return the way to the rows of one tile alone."""
        arriving = {guard.target: guard for guard in self.guards}
        net, way = rows_net(site), []
        while net in arriving:
            way.append(arriving[net])
            net = arriving[net].source
        return Tree(self.ilp, tuple(reversed(way)))

    def holds(self, branch: Tree) -> bool:
        """Return whether a way is part of this one; a net has one driver, so it is the way to its end, too."""
        return self.ilp == branch.ilp and set(branch.guards) <= set(self.guards)


def route_inputs(
    mesh: Mesh, demands: Sequence[Demand], where: str, settled: Mapping[Demand, Sequence[Tree]] | None = None
) -> dict[Demand, Tree]:
    """Route the vectors of one step on disjoint trees with few hops.

    Args:
        mesh: nets and borderguards.
        demands: the vectors; no two alike.
        where: chip and step, for the error.
        settled: demand -> ways that its tree must hold: those to tiles that another step reaches already.

    Raises:
        CapacityError: the vectors cannot pass at the same time.
    """
    model = cp_model.CpModel()
    pads = mesh.pads(mesh.grid.ilps)
    starts: list[Mapping[Net, cp_model.IntVar]] = []
    for demand in demands:
        literals = {net: model.new_bool_var("") for net in (pads if demand.bank is None else (demand.bank,))}
        model.add_exactly_one(literals.values())
        starts.append(literals)
    plane = Plane(model, mesh, starts)
    for feed, demand in enumerate(demands):
        for site in demand.rows_of:
            model.add(plane.carries[rows_net(site), feed] == 1)
        for branch in (settled or {}).get(demand, ()):
            for guard in branch.guards:
                model.add(plane.passes[guard, feed] == 1)
            if branch.ilp is not None:
                model.add(starts[feed][pads[branch.ilp]] == 1)
    found = _shortest(model, plane, where, len(demands))
    routed: dict[Demand, Tree] = {}
    for feed, demand in enumerate(demands):
        start = next(net for net, literal in starts[feed].items() if found.value(literal))
        passing = {guard for guard in mesh.guards if found.value(plane.passes[guard, feed])}
        guards = tree(mesh, start, passing, [rows_net(site) for site in demand.rows_of])
        routed[demand] = Tree(None if demand.bank else pads.index(start), guards)
    return routed


def _shortest(model: cp_model.CpModel, plane: Plane, where: str, vectors: int) -> cp_model.CpSolver:
    find = solver(FIND_BUDGET)
    if find.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise CapacityError(
            f"{where}: {vectors} vectors cannot reach the rows of all their tiles at once on the mesh",
            "Pin a layer to another chip, or use fewer column blocks that share one input",
        )
    for variable in (*plane.carries.values(), *plane.hops()):
        model.add_hint(variable, find.value(variable))
    model.minimize(sum(plane.hops()))
    shorten = solver(SHORTEN_BUDGET)
    return shorten if shorten.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE) else find
