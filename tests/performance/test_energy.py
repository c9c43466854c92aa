"""Energy adds up along every axis, follows the counts of the clocked engine, and grows with what costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pcmesh.deployed.figures.energy import joule
from pcmesh.errors import ConfigurationError, VerificationError
from pcmesh.execution.clocked.activity import Counter
from pcmesh.execution.clocked.clock import Clock
from pcmesh.network import DigitalOperation, LayerGraph
from pcmesh.performance import plan, run_time
from pcmesh.performance.costs import EVENT_KINDS, load_costs
from pcmesh.performance.energy import operation_energy, run_energy
from pcmesh.performance.fit import events
from pcmesh.performance.power_test import ChipActivity, Part, blank_hardware, plain_microcode, run_power_test
from pcmesh.performance.run import DataSet, TimedRun, TimeOptions
from pcmesh.performance.stages import Plan
from tests.machines import small_chip
from tests.networks import chain

AXES = ("chip", "supply", "phase", "layer", "cost")


@pytest.fixture(scope="module")
def network() -> Plan:
    graph = chain((20, 12))
    graph = LayerGraph(
        graph.name,
        graph.vectors,
        graph.layers,
        (DigitalOperation(name="end", kind="end", inputs=(graph.layers[-1].output,), outputs=(), operations=7),),
        graph.weights,
    )
    return plan(graph, small_chip(rows=16, columns=16))


@pytest.fixture(scope="module")
def activity(network: Plan) -> tuple[ChipActivity, ...]:
    return run_power_test(network, plain_microcode(network), lambda die: blank_hardware(network, die))


def _run(network: Plan, frames: int) -> TimedRun:
    data = DataSet(frames=np.ones(frames, dtype=np.int64), audio_s=1.0)
    return run_time(network, data, TimeOptions())


def test_every_axis_adds_up_to_the_same(network: Plan, activity: tuple[ChipActivity, ...]) -> None:
    energy = run_energy(_run(network, 5), activity, load_costs())
    assert energy.total > 0
    for axis in AXES:
        assert sum(energy.by(axis).values()) == pytest.approx(energy.total)  # type: ignore[arg-type]
    assert energy.chips + energy.by("supply")["digital"] == pytest.approx(energy.total)
    assert energy.of_chip(1).total == pytest.approx(5 * operation_energy(activity[0], load_costs()).total)


def test_counts_are_those_of_the_schedule(network: Plan, activity: tuple[ChipActivity, ...]) -> None:
    """Two tiles of 16 rows share a bank: 4 phases, one readout of 16 columns, 20 inputs that pulse in both pairs."""
    (found,) = activity
    assert found.total("column_integrations") == 2 * 4 * 16
    assert found.total("column_ns") == 2 * 4 * 16 * 295
    assert found.total("conversions") == found.total("olp_counts") == 16
    assert found.total("charged_ff") == 16 * network.chip.column.capacitance_ff
    assert found.total("on_ns") == found.operation_ns == 5 * 300
    assert found.total("column_on_ns") == 2 * 5 * 300 * 16
    assert found.phases == (*(f"integration {n}" for n in range(1, 5)), "output 1")
    outputs = [count for part, count in found.counts.items() if part.kind == "conversions" and part.step == 4]
    assert sum(outputs) == 16


def test_energy_grows_with_frames_and_costs(network: Plan, activity: tuple[ChipActivity, ...]) -> None:
    costs = load_costs()
    few, many = (run_energy(_run(network, frames), activity, costs).total for frames in (3, 6))
    assert many == pytest.approx(2 * few)
    for entry in costs.cost:
        dearer = costs.changed({entry.name: entry.pj + 1.0})
        assert run_energy(_run(network, 3), activity, dearer).total >= few


def test_an_event_without_a_cost_is_an_error_not_free(network: Plan, activity: tuple[ChipActivity, ...]) -> None:
    (found,) = activity
    unknown = replace(found, counts={**found.counts, Part("sparks", 0, "fc0"): 1.0})
    with pytest.raises(VerificationError, match="events of kind 'sparks' have no cost"):
        operation_energy(unknown, load_costs())
    with pytest.raises(VerificationError, match="events of kind 'sparks' have no cost"):
        joule({"conversions": 1.0, "sparks": 1.0})
    costs = load_costs()
    for name in ("conversions", "vector_operations"):
        lacking = costs.model_copy(update={"cost": tuple(entry for entry in costs.cost if entry.counts != name)})
        with pytest.raises(VerificationError, match=f"events of kind '{name}' have no cost"):
            run_energy(_run(network, 3), activity, lacking)


def test_every_event_has_a_cost_or_a_reason_to_have_none() -> None:
    costs = load_costs()
    priced = {entry.counts for entry in costs.cost}
    assert priced | set(costs.free) == set(EVENT_KINDS)
    assert not priced & set(costs.free)
    assert all(costs.free.values())
    assert joule({"conversions": 2.0}) == 2.0 * sum(e.pj for e in costs.of_kind("conversions")) * 1e-12
    assert joule({kind: 1e6 for kind in costs.free}) == 0


def test_a_cost_of_another_name_is_an_error() -> None:
    costs = load_costs()
    with pytest.raises(ConfigurationError, match="there is no cost 'sent'"):
        costs.changed({"sent": 1.0})
    assert costs.changed({"send": 1.0}).free == costs.free
    with pytest.raises(ConfigurationError, match="there is no cost 'sent'"):
        events({"send": 1.0, "sent": 1.0}, costs)


def test_the_clocked_chip_counts_no_unknown_kind() -> None:
    counter = Counter(Clock())
    counter.add("conversions", 3, "tile (0, 0)")
    with pytest.raises(VerificationError, match=r"unknown kind 'sparks' by tile \(0, 0\)"):
        counter.add("sparks", 3, "tile (0, 0)")
    assert counter.activity(1).conversions == 3


def test_half_the_integration_time_integrates_half_as_long(network: Plan, activity: tuple[ChipActivity, ...]) -> None:
    timing = network.chip.timing.model_copy(update={"integration_ns": 150, "input_max_ns": 127})
    halved = Plan(
        chip=network.chip.model_copy(update={"timing": timing}),
        graph=network.graph,
        mapping=network.mapping,
        placement=network.placement,
        routing=network.routing,
    )
    (found,) = run_power_test(halved, plain_microcode(halved), lambda die: blank_hardware(halved, die))
    assert found.operation_ns == 4 * 150 + 300
    assert found.total("column_ns") == 2 * 4 * 16 * 145
    assert found.total("row_ns") == pytest.approx(activity[0].total("row_ns") / 2, rel=0.02)
    assert found.total("conversions") == activity[0].total("conversions")
