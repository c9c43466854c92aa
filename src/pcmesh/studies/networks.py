"""The paper's RNN-T at its full size, with random weights unless some are given."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from pcmesh.compiled import CompiledNetwork
from pcmesh.errors import InputError
from pcmesh.hardware import load_chip
from pcmesh.pipeline import compile_network
from pcmesh.workloads.rnnt.checkpoint import load_network
from pcmesh.workloads.rnnt.compiled.graph import random_network, rnnt_graph
from pcmesh.workloads.rnnt.on_chip.recipe import paper_options
from pcmesh.workloads.rnnt.widths import RnntWidths

Compiler = Callable[[str, Path | None], CompiledNetwork]


def compile_named(name: str, chip: str = "nature2023", weights: Path | None = None) -> CompiledNetwork:
    """Compile the paper's RNN-T, mapped as the paper does.

    Args:
        name: `rnnt-paper` (240 input rows, four copies) or `rnnt-expanded` (1,024 rows by weight expansion).
        chip: preset or TOML file.
        weights: any checkpoint of the RNN-T; None: random numbers.

    Raises:
        InputError: no such network, or weights that do not fit.
        CapacityError: the network does not fit the chip; the message says what is short by how much.
    """
    if name not in COMPILERS:
        near = get_close_matches(name, COMPILERS, 1, 0.7)
        meant = f"Is {near[0]} meant? " if near else ""
        raise InputError(f"no network '{name}'", f"{meant}One of: {', '.join(COMPILERS)}")
    return COMPILERS[name](chip, weights)


def _rnnt(widths: RnntWidths) -> Compiler:
    def compile_rnnt(chip: str, weights: Path | None) -> CompiledNetwork:
        spec = load_chip(chip)
        network = random_network(widths) if weights is None else load_network(weights)
        options = paper_options(network.widths.model_copy(update={"expand": widths.expand}), spec)
        return compile_network(rnnt_graph(network, options, spec), spec, options)

    return compile_rnnt


COMPILERS: dict[str, Compiler] = {
    "rnnt-paper": _rnnt(RnntWidths()),
    "rnnt-expanded": _rnnt(RnntWidths(expand=1024)),
}
