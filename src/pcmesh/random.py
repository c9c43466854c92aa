"""Random numbers: one seed, named streams, no global state.

Every stochastic function of pcmesh takes a generator made here. A stream is named by what it stands for
(`"fabrication"`, `"programming"`, `"drift"`, `"read"`, `"data"`, `"training"`) and by the things it belongs
to (chip, tile, utterance, ...): the same names give the same numbers on any machine, in any order, alone or in a batch.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def stream_key(seed: int, stream: str, *names: int | str) -> int:
    """Return the 64-bit key of a named stream: a hash of the seed, the stream's name and further names."""
    text = "\x1f".join(str(part) for part in (seed, stream, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def numpy_generator(seed: int, stream: str, *names: int | str) -> np.random.Generator:
    """Return a NumPy generator (Philox, counter-based) for a named stream."""
    return np.random.Generator(np.random.Philox(key=stream_key(seed, stream, *names)))


def torch_generator(seed: int, stream: str, *names: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a PyTorch generator for a named stream."""
    generator = torch.Generator(device=device)
    generator.manual_seed(stream_key(seed, stream, *names) & (2**63 - 1))
    return generator
