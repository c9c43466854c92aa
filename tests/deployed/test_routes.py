"""Routes of any network: the clocked chip executes them, the chip model runs at its places, both outlive a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pcmesh
from pcmesh.compiled import load_compiled
from pcmesh.deployed import ChipModel
from pcmesh.errors import CapacityError
from pcmesh.execution.behavioural.network import build_network
from pcmesh.execution.clocked.frames import random_frames
from pcmesh.execution.clocked.verify import codes_by_group, verify
from pcmesh.execution.hardware import chip_hardware
from pcmesh.hardware import load_chip


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 520), nn.Tanh(), nn.Linear(520, 4))


@pytest.fixture(scope="module")
def data() -> Tensor:
    return torch.randn(300, 3, 10, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def routed(data: Tensor) -> ChipModel:
    return pcmesh.compile(network(), data, route=True)


def error(model: ChipModel, data: Tensor) -> float:
    wanted = model.software(data)
    return float((model(data) - wanted).std() / wanted.std())


def test_the_chip_runs_at_the_places_of_its_routes(routed: ChipModel, data: Tensor) -> None:
    program = routed.program
    assert program.compiled is not None
    assert program.placement == program.compiled.placement
    assert program.compiled.ranges == routed.side.chip.calibration.ranges
    assert routed.side.chip.paths is not None
    plain = pcmesh.compile(network(), data)
    assert plain.program.compiled is None
    assert error(routed, data) < 1.5 * error(plain, data)
    (route,) = routed.figures()["routes"]
    assert route["steps"] == 5  # four phases, and one for the four groups of columns on six pads
    assert "Routes" in routed.summary()
    assert "Routes" not in plain.summary()


def test_its_microcode_gives_the_same_codes_on_the_clocked_chip(routed: ChipModel) -> None:
    assert routed.program.compiled is not None
    compiled, chip = routed.program.compiled, routed.side.chip
    inputs = random_frames(compiled.graph, compiled.chip, 2, 0)
    outputs = build_network(chip.network, compiled.graph, compiled.ramps, chip.paths).run(inputs, None)
    expected = codes_by_group(compiled.mapping, outputs)
    result = verify(compiled.microcode, lambda die: chip_hardware(chip.network, die), inputs, expected)
    assert result.codes_compared == 2 * (8 + 520 + 4)
    assert result.codes_differing == 0


@pytest.mark.parametrize("pack", [False, True])
def test_on_the_ideal_chip_it_equals_pytorch(data: Tensor, pack: bool) -> None:
    chip_model = pcmesh.compile(network(), data, "ideal", route=True, pack=pack, clipped_share=0.0)
    wanted = network()(data).detach()
    assert float((chip_model(data) - wanted).abs().max() / wanted.abs().max()) < 1e-3


def test_another_instance_takes_the_routes_over(routed: ChipModel) -> None:
    other = routed.on(number=1)
    assert other.program.compiled is not None
    assert routed.program.compiled is not None
    assert other.program.compiled.routing is routed.program.compiled.routing
    denser = routed.on(options={"5": "2-PCM"})
    assert denser.program.compiled is not None
    assert denser.program.compiled.mapping == denser.program.mapping != routed.program.mapping


def test_routes_outlive_a_file(routed: ChipModel, data: Tensor, tmp_path: Path) -> None:
    routed.save(tmp_path / "chip")
    again = pcmesh.load(tmp_path / "chip")
    assert torch.equal(again(data[:5]), routed(data[:5]))
    assert again.summary() == routed.summary()
    assert load_compiled(tmp_path / "chip" / "routed").routing == routed.program.compiled.routing  # type: ignore[union-attr]


def test_a_program_too_long_for_its_controller_is_refused(data: Tensor) -> None:
    chip = load_chip("nature2023")
    small = chip.model_copy(update={"controller": chip.controller.model_copy(update={"sram_words": 6})})
    with pytest.raises(CapacityError, match="6"):
        pcmesh.compile(network(), data, small, route=True)
