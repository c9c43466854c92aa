"""What a user should know about the vectors that a network was calibrated with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pcmesh.deployed.calibration_data.frames import Frames

_QUIET = 1 / 16
"""A vector whose largest input is below this share of its layer's full scale uses fewer than 4 of its 8 bits."""
_MANY = 0.25
"""Share of a layer's vectors that may be quiet without a warning."""


def frame_warnings(frames: Frames, sent: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Return warnings about calibration frames.

    Args:
        frames: what a software pass saw.
        sent: product -> (B, rows) vectors as they are sent to the tiles, in any unit.
    """
    return (*_few(frames), *_spread(sent))


def quiet_share(x_BK: Tensor) -> float:
    """Return the share of the vectors (B, K), but for those of zeros, that use fewer than 4 of the 8 bits."""
    largest = x_BK.abs().amax(1)
    loud = largest[largest > 0]
    return float((loud < _QUIET * loud.max()).float().mean()) if len(loud) else 0.0


def _few(frames: Frames) -> tuple[str, ...]:
    if not frames.completed:
        return ()
    return (
        f"few calibration frames: {len(frames.completed)} layers ({_shown(frames.completed)}) were calibrated with "
        "made-up vectors too; give calibration=batches of your data",
    )


def _spread(sent: Mapping[str, Tensor]) -> tuple[str, ...]:
    shares = {name: quiet_share(x) for name, x in sent.items() if torch.isfinite(x).all()}
    wide = sorted((name for name, share in shares.items() if share > _MANY), key=lambda name: -shares[name])
    if not wide:
        return ()
    return (
        f"inputs span too much for one full scale a layer: {shares[wide[0]]:.0%} of the vectors of {wide[0]} use fewer "
        f"than 4 of their 8 bits ({len(wide)} such layers: {_shown(wide)}); normalise each vector, or take logarithms",
    )


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
