"""One time step of the mesh as a constraint model: vectors on their way as disjoint trees."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal

from ortools.sat.python import cp_model

from pcmesh.hardware.mesh import Guard, Mesh, Net

# The solver's only clock: counted operations, so that results do not depend on the machine or its load.
SEED: Final = 1


class Plane:
    """Trees of borderguards in one step, one per feed, disjoint in nets.

    Variables: `carries[net, feed]`, `passes[guard, feed]`. A net carries a feed exactly if one borderguard, or the
    feed's start, drives it; depths along the way exclude rings that feed themselves.
    """

    def __init__(
        self,
        model: cp_model.CpModel,
        mesh: Mesh,
        starts: Iterable[Mapping[Net, cp_model.IntVar]],
        blocked: Collection[Net] = (),
    ) -> None:
        """Add the variables and rules of one step to `model`.

        Args:
            model: the constraint model.
            mesh: nets and borderguards.
            starts: for each feed, the nets where it may start, with the literal that says so.
            blocked: nets that something else uses.
        """
        self.starts = [dict(entry) for entry in starts]
        feeds = range(len(self.starts))
        self.carries = {(net, feed): model.new_bool_var("") for net in mesh.nets for feed in feeds}
        self.passes = {(guard, feed): model.new_bool_var("") for guard in mesh.guards for feed in feeds}
        depth = {net: model.new_int_var(0, len(mesh.nets), "") for net in mesh.nets}
        for net in mesh.nets:
            model.add_at_most_one(self.carries[net, feed] for feed in feeds)
            for feed in feeds:
                drivers = [self.passes[guard, feed] for guard in mesh.drivers[net]]
                start = self.starts[feed].get(net)
                terms = drivers if start is None else [*drivers, start]
                model.add(sum(terms) == self.carries[net, feed])
                if net in blocked:
                    model.add(self.carries[net, feed] == 0)
        for guard in mesh.guards:
            for feed in feeds:
                passes = self.passes[guard, feed]
                model.add_implication(passes, self.carries[guard.source, feed])
                model.add(depth[guard.target] >= depth[guard.source] + 1).only_enforce_if(passes)

    def hops(self) -> list[cp_model.IntVar]:
        """Return all borderguards' variables, whose sum is the number of hops."""
        return list(self.passes.values())


def tree(mesh: Mesh, start: Net, passing: Collection[Guard], ends: Collection[Net]) -> tuple[Guard, ...]:
    """Return the borderguards on the ways from `start` to `ends`, ordered from the start, without dead branches."""
    reached: dict[Net, Guard] = {}
    order: list[Net] = [start]
    for net in order:
        for guard in mesh.listeners[net]:
            if guard in passing:
                reached[guard.target] = guard
                order.append(guard.target)
    needed = set()
    for end in ends:
        net = end
        while net != start and net not in needed:
            needed.add(net)
            net = reached[net].source
    return tuple(reached[net] for net in order if net in needed)


def solver(deterministic_time: float, relaxation: Literal[0, 1, 2] = 1) -> cp_model.CpSolver:
    """Return a solver that gives the same answer on every run: one worker, a fixed seed, no wall clock.

    Args:
        deterministic_time: budget in the solver's own unit, about a second.
        relaxation: how much of the model becomes a linear programme: 0 is best for shortening trees, 1 for finding
            them, 2 for flows, whose relaxation is nearly exact.
    """
    made = cp_model.CpSolver()
    made.parameters.num_workers = 1
    made.parameters.random_seed = SEED
    made.parameters.max_deterministic_time = deterministic_time
    made.parameters.linearization_level = relaxation
    return made
