"""Random networks: on the ideal chip each equals PyTorch; routed, each equals the clocked chip code by code.

Tolerance: 1e-3 of the largest output; 1e-2 where an expansion shares tiles: its inputs are so much larger than its
neighbours' that those have a coarse scale; and where the summary warns that an expansion enlarges errors.
`make test-long` runs all seeds, `make test` every tenth of them.
"""

from __future__ import annotations

import pytest
import torch

import pcmesh
from pcmesh.errors import CapacityError
from pcmesh.execution.behavioural.network import build_network
from pcmesh.execution.clocked.frames import random_frames
from pcmesh.execution.clocked.verify import codes_by_group, verify
from pcmesh.execution.hardware import chip_hardware
from tests.random_modules import draw

NETWORKS, ROUTED, SHARE = 500, 100, 10


def seeds(count: int) -> list[object]:
    """Return the seeds as parameters, all but a tenth of them marked as long."""
    return [seed if seed % SHARE == 0 else pytest.param(seed, marks=pytest.mark.long) for seed in range(count)]


@pytest.mark.parametrize("seed", seeds(NETWORKS))
def test_on_the_ideal_chip_it_equals_pytorch(seed: int) -> None:
    drawn = draw(seed)
    with torch.no_grad():
        wanted = drawn.network(drawn.x)
    model = pcmesh.compile(drawn.network, drawn.x, "ideal", clipped_share=0.0, **drawn.options)
    got = model(drawn.x)
    assert got.shape == wanted.shape
    error = float((got - wanted).abs().max() / wanted.abs().max().clamp(min=1e-6))
    expanded = any("expand" in way for way in drawn.options.get("layers", {}).values())
    singular = any("enlarges errors" in warning for warning in model.program.warnings)
    limit = 1e-2 if singular or (expanded and drawn.options["pack"] is True) else 1e-3
    assert error < limit, f"{error:.2e} of the largest output: {drawn.options}\n{drawn.network}"


@pytest.mark.parametrize("seed", seeds(ROUTED))
def test_routed_it_equals_the_clocked_chip(seed: int) -> None:
    drawn = draw(10_000 + seed)
    try:
        model = pcmesh.compile(drawn.network, drawn.x, route=True, seed=seed, **drawn.options)
    except CapacityError as error:
        pytest.skip(f"finds no way: {error}")
    compiled, network = model.program.compiled, model.side.chip.network
    assert compiled is not None
    frames = random_frames(compiled.graph, compiled.chip, 2, seed)
    engine = build_network(network, compiled.graph, compiled.ramps, model.side.chip.paths)
    expected = codes_by_group(compiled.mapping, engine.run(frames, None))
    result = verify(compiled.microcode, lambda die: chip_hardware(network, die), frames, expected)
    assert result.codes_differing == 0, result.differences
    assert result.codes_compared == sum(codes.numel() for codes in expected.values()) > 0
