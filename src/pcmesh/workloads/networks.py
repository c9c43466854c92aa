"""The networks that can be compiled by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from pcmesh.chip import load_chip
from pcmesh.compiled import CompiledNetwork
from pcmesh.errors import InputError
from pcmesh.pipeline import compile_network
from pcmesh.workloads.kws.prepare import KwsOptions, prepare
from pcmesh.workloads.rnnt.graph import rnnt_graph
from pcmesh.workloads.rnnt.mapping import paper_options
from pcmesh.workloads.rnnt.widths import RnntWidths

Compiler = Callable[[str, Path | None], CompiledNetwork]


def compile_named(name: str, chip: str = "nature2023", weights: Path | None = None) -> CompiledNetwork:
    """Compile one of the networks that pcmesh knows, mapped as the paper does.

    Args:
        name: `kws`, `rnnt` (240 input rows, four copies) or `rnnt-expanded` (1,024 rows by weight expansion).
        chip: preset or TOML file.
        weights: safetensors file; None: the shipped keyword network, random numbers for the RNN-T.

    Raises:
        InputError: no such network, or weights that do not fit.
        CapacityError: the network does not fit the chip; the message says what is short by how much.
    """
    if name not in COMPILERS:
        raise InputError(f"no network '{name}'", f"One of: {', '.join(COMPILERS)}")
    return COMPILERS[name](chip, weights)


def _kws(chip: str, weights: Path | None) -> CompiledNetwork:
    return prepare(KwsOptions(chip=chip, weights=weights, utterances=1), lambda *_: None).compiled


def _rnnt(widths: RnntWidths) -> Compiler:
    def compile_rnnt(chip: str, weights: Path | None) -> CompiledNetwork:
        spec = load_chip(chip)
        graph = rnnt_graph(widths, None if weights is None else _tensors(weights))
        return compile_network(graph, spec, paper_options(widths, spec))

    return compile_rnnt


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})", "Export the weights anew") from error


COMPILERS: dict[str, Compiler] = {
    "kws": _kws,
    "rnnt": _rnnt(RnntWidths()),
    "rnnt-expanded": _rnnt(RnntWidths(expand=1024)),
}
