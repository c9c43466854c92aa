"""Which layers of a network hand pulses over with `hand_over="auto"`: those that lose hardly more than with codes."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pcmesh.deployed.calibration_data.frames import Frames
from pcmesh.deployed.deploy import deploy
from pcmesh.deployed.program import CompileChoice
from pcmesh.deployed.side import ChipSide
from pcmesh.errors import CapacityError, ConfigurationError
from pcmesh.hardware import ChipSpec
from pcmesh.lowering.hand_over import possible_chains
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.products import Chain, SoftwareProducts
from pcmesh.physics.fabrication import Instance

MARGIN = 0.1
"""A chain may err by this share more than with digital ends: what it saves is worth as much (a choice)."""
_FRAMES = 512


def kept_apart(
    captured: CapturedNetwork, seen: Frames, choice: CompileChoice, chip: ChipSpec, seed: int
) -> frozenset[str]:
    """Return the products that keep digital ends.

    Each chain is programmed twice on chip instance 0, by itself and without a mesh: once handing pulses over, once with
    digital ends. Both are read without noise on calibration frames; the error is that of what the chain gives.

    Args:
        captured: the network, nothing handed over yet; nothing of it is changed.
        seen: its calibration frames.
        choice: how it is mapped.
        chip, seed: of the instance.
    """
    apart: set[str] = set()
    for chain in possible_chains(captured):
        if not _worth_it(captured, seen, choice, chip, chain, Instance(seed, 0)):
            apart.update(chain.products)
    return frozenset(apart)


def _worth_it(
    captured: CapturedNetwork, seen: Frames, choice: CompileChoice, chip: ChipSpec, chain: Chain, instance: Instance
) -> bool:
    alone = replace(choice, route=False, max_chips=None)

    def side(chains: tuple[Chain, ...]) -> ChipSide:
        return deploy(replace(captured, chains=chains), seen, alone, chip, instance, chain.products).side

    x = seen.inputs[chain.products[0]][:_FRAMES]
    wanted = SoftwareProducts(captured.weights).chain(chain, x, None)
    try:
        handed = side((chain,)).chain(chain, x, None)
    except (CapacityError, ConfigurationError):
        return False
    return _error(handed, wanted) <= (1 + MARGIN) * _error(side(()).chain(chain, x, None), wanted)


def _error(found: Tensor, wanted: Tensor) -> float:
    return float(torch.linalg.vector_norm(found - wanted))
