"""Checkpoints of the RNN-T: MLPerf's published file (torch) and safetensors, read without executing anything.

Both formats hold the published keys (`joint_net.0.weight`, ...); files with today's `joint.net` are read too.
Source: MLPerf inference, RNN-T reference (`pytorch_SUT.py`, load_and_migrate_checkpoint).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.files.writing import whole_file
from pcmesh.speech.front_ends.rnnt import mel_filters, window
from pcmesh.workloads.rnnt.checkpoint_choice import choose_weights
from pcmesh.workloads.rnnt.checkpoint_layout import REMEDY, check_tensors, infer_widths, module_key, published_key
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.quantised import quantise_rows, restore_rows

TORCH_SUFFIXES, SAFETENSORS_SUFFIX = (".pt", ".pth"), ".safetensors"
_ALONE = "Save the weights alone: torch.save(model.state_dict(), FILE)"
_FOREIGN = re.compile(r"Unsupported global: GLOBAL (\S+)|Unsupported class (\S+)")
FRONT_END_KEYS = ("audio_preprocessor.featurizer.fb", "audio_preprocessor.featurizer.window")
"""Keys of the published file that belong to no layer: the reference drops them, but fails where they are missing."""


def load_network(path: Path) -> RnntNetwork:
    """Return the network of a checkpoint in evaluation mode, float32; its widths follow from the shapes.

    Raises:
        InputError: as `read_checkpoint`.
    """
    tensors = read_checkpoint(path)
    with torch.device("meta"):
        network = RnntNetwork(infer_widths(tensors))
    network.load_state_dict({module_key(key): tensor.float() for key, tensor in tensors.items()}, assign=True)
    return network.eval().requires_grad_(False)


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint under their published keys, checked, in their own types.

    Args:
        path: a torch file with a dict of tensors, at top level or under some entry (`choose_weights`), or a safetensors
            file, whose matrices may be int8 with a scale for each row (`quantised`).

    Raises:
        InputError: the file is missing or damaged, a pickle that holds anything but tensors and plain values, or its
            tensors are no RNN-T: a key is missing, unknown, or its values do not fit (named).
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file", REMEDY)
    found = choose_weights(_read_torch(path) if _is_torch(path) else _read_safetensors(path), str(path))
    tensors: dict[str, Any] = {}
    for key, value in found.items():
        if key in FRONT_END_KEYS:
            continue
        name = published_key(str(key))
        if name in tensors:
            raise InputError(f"{path}: holds {name!r} under its old and its new name", REMEDY)
        tensors[name] = value
    check_tensors(tensors, str(path))
    return tensors


def save_network(network: RnntNetwork, path: Path, int8: bool = False) -> None:
    """Write a network's weights, as safetensors in 8 bits if asked for; errors as `write_checkpoint`."""
    tensors = {published_key(k): value.detach().cpu() for k, value in network.state_dict().items()}
    write_checkpoint(quantise_rows(tensors) if int8 else tensors, path)


def write_checkpoint(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors under published keys, whole or not at all: .pt or .pth as MLPerf's file, or .safetensors.

    Raises:
        InputError: another suffix, or the file cannot be written.
    """
    if path.suffix not in (*TORCH_SUFFIXES, SAFETENSORS_SUFFIX):
        known = ", ".join((*TORCH_SUFFIXES, SAFETENSORS_SUFFIX))
        raise InputError(f"{path}: its name says no format", f"End it in one of {known}")
    whole = {key: tensor.contiguous() for key, tensor in tensors.items()}
    with whole_file(path) as temporary:
        if path.suffix == SAFETENSORS_SUFFIX:
            save_file(whole, temporary)
        else:
            front_end = dict(zip(FRONT_END_KEYS, (mel_filters()[None], window()), strict=True))
            torch.save({"state_dict": front_end | whole}, temporary)


def _is_torch(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(4)
    return start == b"PK\x03\x04" or start[:1] == b"\x80"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return restore_rows(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: neither a torch nor a safetensors file ({_reason(error)})", REMEDY) from error


def _read_torch(path: Path) -> Mapping[Any, Any]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of foreign pickles, which are then refused
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise nearly anything
        raise InputError(f"{path}: refused as a checkpoint ({_reason(error)})", _ALONE) from error
    if not isinstance(found, Mapping):
        raise InputError(f"{path}: holds a {type(found).__name__}, no dict of tensors", _ALONE)
    return found


def _reason(error: Exception) -> str:
    text = str(error).strip()
    if foreign := _FOREIGN.search(text):
        return f"it holds {foreign[1] or foreign[2]}, which could run code"
    if "Weights only load failed" in text:
        return "it is damaged, or holds more than tensors and plain values, which could run code"
    return text.splitlines()[0][:120].rstrip(". ") if text else type(error).__name__
