"""Two engines, one answer: the clocked chip gives every code of the behavioural engine."""

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pcmesh.errors import CapacityError, ConfigurationError, UnsupportedModelError, VerificationError
from pcmesh.execution.behavioural.network import frame_keys, noise_keys
from pcmesh.execution.clocked import ClockedChip
from pcmesh.execution.clocked.verify import codes_by_group, compare_noise, verify
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.network.activation import HARD_SIGMOID, LINEAR, RELU, Activation
from pcmesh.physics.fabrication import Instance
from tests.clocked.machines import IdealMachine, Machine, ideal, machine
from tests.machines import small_chip
from tests.networks import chain, random_chips, random_networks

FRAMES = 4


def check(made: Machine, frames: int = FRAMES) -> int:
    inputs = made.frames(frames)
    outputs = {}
    vectors = dict(inputs)
    for layer in made.graph.layers:
        outputs[layer.name] = made.engine.run_layer(layer.name, vectors[layer.input], None)
        vectors[layer.output] = outputs[layer.name][0]
    expected = {g: c for g, c in codes_by_group(made.mapping, outputs).items() if g in made.collected}
    result = verify(made.microcode, made.hardware, inputs, expected)
    assert result.codes_differing == 0, result.differences
    assert result.codes_compared == sum(codes.numel() for codes in expected.values()) > 0
    return result.codes_compared


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.data())
def test_random_networks_on_random_chips(data):
    chip = data.draw(random_chips())
    graph, options = data.draw(random_networks(chip))
    try:
        made = machine(graph, chip, options, seed=data.draw(st.integers(0, 1000)))
    except (CapacityError, ConfigurationError, UnsupportedModelError):
        assume(False)
        raise
    check(made)
    try:
        built = ideal(made, FRAMES)
    except CapacityError:  # no ramp is steep enough for an activation's limits
        assume(False)
        raise
    compare_with_pytorch(built)


def compare_with_pytorch(built: IdealMachine) -> None:
    """Compare what the clocked ideal chip's landing pads count with PyTorch, to 1e-4 of full scale a partial sum."""
    made = built.machine
    codes: dict[int, torch.Tensor] = {}
    for die, program in enumerate(made.microcode.chips):
        codes |= ClockedChip(made.hardware(die), program).run(built.frames, noise=False).codes
    for layer in made.graph.layers:
        groups = [group for group in made.mapping.groups_of(layer.name) if group.index in codes]
        if not groups:
            continue
        span, wanted = built.ranges[layer.name], built.values[layer.input] @ made.graph.weights[layer.name]
        wanted = wanted.clamp(layer.function.lower, layer.function.upper)
        got, sums = torch.zeros_like(wanted), torch.zeros(wanted.shape[1])
        for group in groups:
            columns = slice(group.column_start, group.column_stop)
            got[:, columns] += span.values(codes[group.index], made.ramps[group.index])
            sums[columns] += 1
        assert bool(sums.all())
        assert bool(((got - wanted).abs() < 1e-4 * span.output_full_scale * sums).all()), layer.name


def test_shorter_integration_steps_and_pulses_than_output_slots():
    """Bias rows conduct as long as the longest input pulse, in both engines."""
    timing = {"input_max_ns": 60, "integration_ns": 100}
    made = machine(chain((30, 12)), small_chip(rows=16, columns=16, timing=timing))
    assert made.microcode.chips[0].slots_ns == (100, 100, 100, 100, 300)
    check(made)


def test_lanes_and_pipelining_do_not_matter():
    made = machine(chain((30, 16, 12, 5)), small_chip(rows=16, columns=16))
    chip = ClockedChip(made.hardware(), made.microcode.chips[0])
    frames = made.frames(7)
    runs = [chip.run(frames, noise, pipelined=n).codes for noise in (False, True) for n in (1, 3, 7)]
    for first, others in ((runs[0], runs[1:3]), (runs[3], runs[4:])):
        for other in others:
            assert all(torch.equal(first[group], other[group]) for group in first)
    assert any(not torch.equal(runs[0][group], runs[3][group]) for group in runs[0])


@pytest.mark.parametrize(("between", "last"), [(RELU, LINEAR), (HARD_SIGMOID, Activation("hard-tanh", -1.0, 2.0))])
def test_noise_has_the_same_mean_and_variance(between, last):
    """One frame 1,500 times, 16 outputs, two layers: odds of a false alarm 1e-4. A spread 15 % too wide is found."""
    count = 1500
    options = {f"fc{n}": LayerOptions(encoding=e) for n, e in enumerate((Encoding.AB, Encoding.PCM2))}
    chip = small_chip(rows=32, columns=16, timing={"output_step_ns": 0.00390625})
    made = machine(chain((60, 16, 16), activations=(between,), last=last), chip, options)
    frames = {name: ticks.expand(count, -1).contiguous() for name, ticks in made.frames(1).items()}
    keys = frame_keys(noise_keys(Instance(0), [str(n) for n in range(count)]), 0)
    group = made.mapping.groups_of("fc1")[0].index
    behavioural = {group: made.engine.run(frames, keys)["fc1"][0]}
    clocked = {group: ClockedChip(made.hardware(), made.microcode.chips[0]).run(frames, noise=True).codes[group]}
    found = compare_noise(behavioural, clocked, largest=65_280)
    assert found.outputs >= 6
    assert found.agrees, found
    wider = {group: clocked[group] + (clocked[group] - clocked[group].double().mean(0)).mul(0.15).int()}
    shifted = {group: clocked[group] + (0.2 * clocked[group].double().std(0)).int()}
    assert compare_noise(behavioural, wider, 65_280).largest_z_variance > found.limit
    assert compare_noise(behavioural, shifted, 65_280).largest_z_mean > found.limit
    with pytest.raises(VerificationError, match="nothing can be compared"):
        compare_noise({0: torch.zeros(100, 3)}, {0: torch.zeros(100, 3)}, 255)
