"""Output slots: which bank is read out in which slot, to which OLP, on which way."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ortools.sat.python import cp_model

from pcmesh.hardware.mesh import Guard, Mesh, Net
from pcmesh.mapping import Lane
from pcmesh.placement.plane import solver

# Budget of the solver in its own deterministic unit (about a second on one core).
BUDGET = 20.0


class Output(NamedTuple):
    """A bank to be read out: the net it drives, its wires, and the slots in which it may be read."""

    group: int
    bank: Net
    lane: Lane
    slots: tuple[int, ...]


@dataclass(frozen=True)
class OutputPath:
    """A routed output: its slot, the index of its OLP, and the borderguards on its way, from the bank on."""

    slot: int
    olp: int
    guards: tuple[Guard, ...]


def fewest_slots(outputs: Sequence[Output], olps: int) -> int:
    """Return the lower bound on slots: an OLP takes one vector a slot, or an even and an odd one."""
    lanes = [output.lane for output in outputs]
    vectors = lanes.count(Lane.ALL) + max(lanes.count(Lane.EVEN), lanes.count(Lane.ODD))
    return -(-vectors // olps)


def can_fit(outputs: Sequence[Output], slots: int, olps: int) -> bool:
    """Return whether the OLPs suffice, counting only: each bank may use the first so many slots."""
    return all(
        fewest_slots([output for output in outputs if len(output.slots) <= first], olps) <= first
        for first in range(slots + 1)
    )


def route_outputs(
    mesh: Mesh, outputs: Sequence[Output], blocked: Sequence[Collection[Net]]
) -> dict[int, OutputPath] | None:
    """Bring every bank to an OLP in one of the slots, with few hops.

    Args:
        mesh: nets and borderguards.
        outputs: the banks.
        blocked: for each slot, the nets that something else uses.

    Returns:
        Group -> path; None where no way was found in this number of slots.
    """
    model = _OutputModel(mesh, outputs, blocked)
    model.model.minimize(sum(model.passes.values()))
    found = solver(BUDGET, relaxation=2)
    if found.solve(model.model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return model.read(found)


class _OutputModel:
    """Unit flows from banks to OLPs in every slot; vectors on the same wires are interchangeable."""

    def __init__(self, mesh: Mesh, outputs: Sequence[Output], blocked: Sequence[Collection[Net]]) -> None:
        self.model = cp_model.CpModel()
        self.mesh = mesh
        self.outputs = outputs
        self.olps = mesh.pads(mesh.grid.olps)
        self.lanes = [lane for lane in Lane if any(output.lane is lane for output in outputs)]
        self.passes: dict[tuple[Guard, Lane, int], cp_model.IntVar] = {}
        self.read_in = {
            (output.group, slot): self.model.new_bool_var("") for output in outputs for slot in output.slots
        }
        for output in outputs:
            self.model.add_exactly_one(self.read_in[output.group, slot] for slot in output.slots)
        for slot, taken in enumerate(blocked):
            self._add_slot(slot, taken)

    def _add_slot(self, slot: int, blocked: Collection[Net]) -> None:
        carries: dict[tuple[Net, Lane], cp_model.IntVar] = {}
        for lane in self.lanes:
            self.passes.update({(guard, lane, slot): self.model.new_bool_var("") for guard in self.mesh.guards})
            for net in self.mesh.nets:
                carries[net, lane] = self._add_net(net, lane, slot)
        for net in self.mesh.nets:
            for wires in (Lane.EVEN, Lane.ODD):
                self.model.add_at_most_one(carries[net, lane] for lane in self.lanes if lane in (Lane.ALL, wires))
            if net in blocked:
                self.model.add(sum(carries[net, lane] for lane in self.lanes) == 0)

    def _add_net(self, net: Net, lane: Lane, slot: int) -> cp_model.IntVar:
        """Add the balance of a net: what comes in goes on, or to the OLP that listens here."""
        carries = self.model.new_bool_var("")
        drivers = [self.passes[guard, lane, slot] for guard in self.mesh.drivers[net]]
        drivers += [
            self.read_in[output.group, slot]
            for output in self.outputs
            if output.bank == net and output.lane is lane and slot in output.slots
        ]
        takers = [self.passes[guard, lane, slot] for guard in self.mesh.listeners[net]]
        if net in self.olps:
            takers.append(self.model.new_bool_var(""))
        self.model.add(sum(drivers) == carries)
        self.model.add(sum(takers) == carries)
        return carries

    def read(self, found: cp_model.CpSolver) -> dict[int, OutputPath]:
        """Follow every bank's vector to its OLP."""
        paths: dict[int, OutputPath] = {}
        for output in self.outputs:
            slot = next(slot for slot in output.slots if found.value(self.read_in[output.group, slot]))
            net, guards = output.bank, list[Guard]()
            while net not in self.olps:
                step = next(g for g in self.mesh.listeners[net] if found.value(self.passes[g, output.lane, slot]))
                guards.append(step)
                net = step.target
            paths[output.group] = OutputPath(slot, self.olps.index(net), tuple(guards))
        return paths
