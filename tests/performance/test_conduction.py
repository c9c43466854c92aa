"""Devices' charge: that of their targets, pulse by pulse; it follows what the chip file says of devices and voltage."""

from __future__ import annotations

from statistics import NormalDist

import pytest
import torch

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding
from pcmesh.network import LayerGraph
from pcmesh.performance import Plan, plan
from pcmesh.performance.conduction import charge_of_rows, mean_conductance_us, typical_conductance_us
from pcmesh.performance.costs import load_costs
from pcmesh.performance.energy import operation_energy
from pcmesh.performance.power_test import ChipActivity, blank_hardware, plain_microcode, run_power_test
from tests.machines import small_chip
from tests.networks import chain

ROWS, COLUMNS = 20, 12


def _plan(weight: torch.Tensor, chip: ChipSpec | None = None) -> Plan:
    graph = chain((ROWS, COLUMNS))
    weights = dict.fromkeys(graph.weights, weight)
    graph = LayerGraph(graph.name, graph.vectors, graph.layers, graph.digital, weights)
    return plan(graph, chip or small_chip(rows=16, columns=16))


def _weights() -> torch.Tensor:
    return torch.randn((ROWS, COLUMNS), generator=torch.Generator().manual_seed(1), dtype=torch.float32)


def _activity(compiled: Plan) -> ChipActivity:
    return run_power_test(compiled, plain_microcode(compiled), lambda die: blank_hardware(compiled, die))[0]


def test_the_charge_is_that_of_the_targets() -> None:
    weight = _weights()
    chip = small_chip(rows=16, columns=16)
    exact = chip.programming.model_copy(update={"saturated_share": 0.0})
    compiled = _plan(weight, chip.model_copy(update={"programming": exact}))
    chip, largest = compiled.chip, 0.0
    (name,) = compiled.graph.weights
    total = 0.0
    for row in range(ROWS):
        for column in range(COLUMNS):
            largest = max(largest, abs(float(weight[row, column])))
    for row in range(ROWS):
        for column in range(COLUMNS):
            total += abs(float(weight[row, column])) / largest * chip.pcm.g_max_us * chip.column.read_voltage_v
    assert charge_of_rows(compiled)[name] == pytest.approx(total / ROWS, rel=1e-5)
    activity = _activity(compiled)
    assert activity.total("device_fc") == pytest.approx(activity.total("row_ns") * total / ROWS, rel=1e-5)
    conducted = operation_energy(activity, load_costs()).by("cost")["conduct"]
    assert conducted == pytest.approx(activity.total("device_fc") * 1.5e-15)


def test_it_follows_conductance_and_voltage() -> None:
    base = _plan(_weights())
    pcm = base.chip.pcm.model_copy(update={"g_max_us": base.chip.pcm.g_max_us / 2})
    column = base.chip.column.model_copy(update={"read_voltage_v": 2 * base.chip.column.read_voltage_v})
    for name, charge in charge_of_rows(base).items():
        for update, factor in (({"pcm": pcm}, 0.5), ({"column": column}, 2.0)):
            changed = _plan(_weights(), base.chip.model_copy(update=update))
            assert charge_of_rows(changed)[name] == pytest.approx(factor * charge)


def test_unknown_weights_conduct_like_normal_numbers() -> None:
    compiled = _plan(torch.zeros(ROWS, COLUMNS))
    (name,) = compiled.graph.weights
    encoding = compiled.mapping.layer(name).encoding
    assert mean_conductance_us(compiled, name) == typical_conductance_us(compiled.chip, encoding)
    programming = compiled.chip.programming.model_copy(update={"saturated_share": 0.02})
    chip = compiled.chip.model_copy(update={"programming": programming})
    normal = torch.tensor([NormalDist().inv_cdf((n + 0.5) / 4000) for n in range(4000)]).abs()
    share = float((normal / normal.quantile(0.98)).clamp(max=1).mean())
    found = typical_conductance_us(chip, Encoding.AB) / chip.pcm.g_max_us
    assert found == pytest.approx(share, rel=0.02)


def test_bias_rows_conduct_nothing_where_they_hold_nothing() -> None:
    activity = _activity(_plan(_weights()))
    assert activity.total("bias_row_ns") > 0
    assert {part.layer for part in (p for p in activity.counts if p.kind == "device_fc")} == {"fc0"}
