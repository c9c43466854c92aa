"""Energy adds up along every axis, follows the counts of the clocked engine, and grows with what costs."""

from __future__ import annotations

import numpy as np
import pytest

from pcmesh.evaluation.performance import plan, run_time
from pcmesh.evaluation.performance.costs import load_costs
from pcmesh.evaluation.performance.energy import operation_energy, run_energy
from pcmesh.evaluation.performance.power_test import ChipActivity, blank_hardware, plain_microcode, run_power_test
from pcmesh.evaluation.performance.run import DataSet, Run, TimeOptions
from pcmesh.evaluation.performance.stages import Plan
from pcmesh.model import DigitalOperation, LayerGraph
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


def _run(network: Plan, frames: int) -> Run:
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
