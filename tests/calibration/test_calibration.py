import pytest
import torch

from pcmesh.calibration.fit import fit_columns
from pcmesh.calibration.nominal import nominal_ranges
from pcmesh.calibration.ranges import choose_range, column_gains
from pcmesh.hardware import Site
from pcmesh.mapping import Encoding
from pcmesh.mapping.mapper import map_network
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.network.activation import HARD_SIGMOID, LINEAR, RELU, Activation
from pcmesh.physics.column import RampSetting, capacitor_volts, column_parameters
from pcmesh.physics.fabrication import Instance, fabricate_tile
from tests.machines import small_chip


def test_fit_recovers_slope_and_offset_and_leaves_out_what_it_is_told():
    generator = torch.Generator().manual_seed(0)
    expected = torch.randn(500, 7, generator=generator)
    slope, offset = torch.linspace(0.5, 2, 7), torch.linspace(-1, 1, 7)
    measured = slope * expected + offset
    inside = torch.ones_like(expected)
    measured[:50], inside[:50] = 99.0, 0.0
    fit = fit_columns(measured, expected, inside)
    assert torch.allclose(fit.slope, slope, atol=1e-4)
    assert torch.allclose(fit.offset, offset, atol=1e-4)


def test_a_column_without_signal_keeps_slope_one():
    expected = torch.zeros(20, 2)
    expected[:, 1] = torch.arange(20.0)
    assert float(fit_columns(expected + 3, expected).slope[0]) == 1.0


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("encoding", list(Encoding))
def test_range_uses_the_smallest_capacitor_that_does_not_saturate(linear, encoding):
    chip = small_chip()
    products = torch.linspace(-4, 5, 1000)[:, None]
    span = choose_range(chip, encoding, products, 3.0, 0.5, LINEAR if linear else RELU, 0.0)
    volts = span.volts_per_unit * span.output_full_scale
    assert span.output_full_scale == pytest.approx(5)
    if span.capacitor_units < chip.column.capacitor_units:
        assert volts / span.capacitor_units <= chip.column.swing_v
    if span.capacitor_units > 1:
        assert volts / (span.capacitor_units - 1) > chip.column.swing_v


@pytest.mark.parametrize("units", [1, 5, 8])
def test_a_fixed_capacitor_is_connected_whatever_the_layer_needs(units):
    chip = small_chip(column={"capacitor_units_used": units})
    for largest in (0.01, 5.0, 500.0):
        products = torch.linspace(-largest, largest, 100)[:, None]
        free = choose_range(small_chip(), Encoding.AB, products, 3.0, 0.5, LINEAR, 0.0)
        span = choose_range(chip, Encoding.AB, products, 3.0, 0.5, LINEAR, 0.0)
        assert span.capacitor_units == span.ramp(chip).capacitor_units == units
        assert span.largest_value(chip) >= largest * 0.999
        if free.capacitor_units > units:  # a smaller one saturates earlier: weights are written smaller instead
            assert span.max_weight > free.max_weight
            assert span.largest_value(chip) == pytest.approx(largest)


def test_fewer_units_swing_more_per_charge_and_saturate_earlier():
    chip = small_chip()
    fabric = fabricate_tile(chip, Instance(0), Site(0, 0))
    one, eight = (
        column_parameters(chip, fabric, RampSetting(capacitor_units=units, slope_code=9000, zero_ticks=0), 1e-6, 2)
        for units in (1, 8)
    )
    torch.testing.assert_close(one.volts_per_charge, 8 * eight.volts_per_charge)
    charge = torch.full((1, chip.tile.columns), int(0.5 * chip.column.swing_v / float(eight.volts_per_charge.max())))
    current = torch.zeros_like(charge)
    assert (capacitor_volts(charge, current, None, one) == chip.column.swing_v).all()
    assert (capacitor_volts(charge, current, None, eight) < chip.column.swing_v).all()


def test_column_gains_leave_room_on_a_fixed_capacitor():
    weight = torch.ones(16, 4)
    inputs = torch.ones(10, 16)
    graph = LayerGraph(
        "one",
        (Vector(name="a", size=16), Vector(name="b", size=4)),
        (AnalogLayer(name="fc", input="a", output="b"),),
        (),
        {"fc": weight},
    )
    gains = {}
    for units in (1, 8):
        chip = small_chip(column={"capacitor_units_used": units})
        gains[units] = column_gains(chip, map_network(graph, chip), "fc", weight, inputs, 0.0)
    torch.testing.assert_close(gains[8], (8 * gains[1]).clamp(max=1.0))
    assert (gains[1] < 1).all()


def test_values_undo_the_ramp():
    chip = small_chip()
    span = choose_range(chip, Encoding.AB, torch.linspace(-4, 5, 100)[:, None], 3.0, 0.5, LINEAR, 0.0)
    ramp = span.ramp(chip, gain=0.9)
    assert float(span.values(torch.tensor([255 * 256.0]), ramp, 0.9)) == pytest.approx(span.output_full_scale, rel=2e-3)
    assert float(span.values(torch.tensor([255 * 128.0]), ramp, 0.9)) == 0


@pytest.mark.parametrize("largest", [0.5, 50.0])
@pytest.mark.parametrize(
    "activation", [HARD_SIGMOID, Activation("hard-tanh", -1.0, 1.0), Activation("hard-tanh", -0.5, 2.0)]
)
def test_pulses_end_where_the_activation_clips(activation, largest):
    """Whatever the data: no pulse at the lower limit, the longest at the upper one; ReLU6 ends at 6 or before."""
    chip = small_chip()
    products = torch.linspace(-largest, largest, 100)[:, None]
    span = choose_range(chip, Encoding.AB, products, 3.0, 0.5, activation, 0.001)
    ramp = span.ramp(chip, gain=0.9)
    ends = span.values(torch.tensor([0, 255 * 256]), ramp, 0.9)
    torch.testing.assert_close(ends, torch.tensor([activation.lower, activation.upper]), rtol=1e-3, atol=1e-3)
    assert span.largest_value(chip) >= 0.999 * max(-activation.lower, activation.upper)
    limited = choose_range(chip, Encoding.AB, products, 3.0, 0.5, Activation("relu", 0.0, 6.0), 0.0)
    assert limited.output_full_scale == pytest.approx(min(largest, 6.0))


def test_nominal_ranges_follow_the_software_through_the_layers():
    chip = small_chip()
    vectors = (Vector(name="a", size=8), Vector(name="b", size=4, signed=False), Vector(name="c", size=2))
    layers = (
        AnalogLayer(name="one", input="a", output="b", activation="relu"),
        AnalogLayer(name="two", input="b", output="c"),
    )
    weights = {"one": torch.eye(8)[:, :4], "two": torch.ones(4, 2)}
    graph = LayerGraph("tiny", vectors, layers, (), weights)
    inputs = {"a": torch.tensor([[1.0, 2, 3, 4, -9, 0, 0, 0]])}
    found = nominal_ranges(graph, map_network(graph, chip), chip, inputs, torch.Generator(), clipped_share=0.0)
    assert (found["one"].input_full_scale, found["one"].output_full_scale) == (9.0, 4.0)
    assert (found["two"].input_full_scale, found["two"].output_full_scale) == (4.0, 10.0)
