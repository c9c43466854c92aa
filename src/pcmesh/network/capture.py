"""From a user's nn.Module to its matrix products and everything between them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import nn

from pcmesh.errors import InputError, PcmeshError, UnsupportedModelError, out_of_memory
from pcmesh.network.batch_check import check_batch
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork, Pins, capture_exported
from pcmesh.network.finite import check_parameters
from pcmesh.network.fresh import fresh_copy
from pcmesh.network.own_code.capture import capture_eager
from pcmesh.network.own_code.copies import follow_modules

Way = Literal["auto", "export", "eager"]


def capture(
    network: nn.Module,
    examples: Examples,
    block: tuple[int, int],
    pins: Pins | None = None,
    dynamic_shapes: Any = None,
    way: Way = "auto",
) -> CapturedNetwork:
    """Find a network's matrix products with weights, and say where every operation is executed.

    Args:
        network: any module; it is copied and not changed.
        examples: what it is called with.
        block: (rows, columns) of a tile.
        pins: qualified name of a module -> `digital`, or `analog` for an embedding as one-hot rows.
        dynamic_shapes: of `torch.export`; by default the samples' dimension is free.
        way: `export` takes `torch.export` alone; `eager` runs the network's own code; `auto` the first that can.

    Raises:
        InputError: the network does not run with these inputs.
        UnsupportedModelError: it cannot be captured, or a weight cannot be programmed; the module is named.
    """
    own = fresh_copy(network)
    place: list[str] = []
    with _position(own, place):
        try:
            with torch.no_grad():
                own(*examples.args, **examples.kwargs)
        except Exception as error:
            if out_of_memory(error):
                raise
            raise InputError(
                f"{_where(place)} does not run with the example inputs ({_first_line(error)})",
                "Give example_inputs with which the network itself can be called",
            ) from error
        check_parameters(own)
        check_batch(own, examples)
        place.clear()
        try:
            if way != "eager":
                return _checked(capture_exported(own, examples, block, pins or {}, dynamic_shapes), own)
        except PcmeshError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            if way == "export":
                raise UnsupportedModelError(
                    f"{_where(place)}: torch.export cannot trace it ({_first_line(error)})",
                    "Take out what depends on the data, or compile with capture_by='auto'",
                ) from error
            why = f"at {_where(place)}: {_first_line(error)}"
    reason = why if way == "auto" else "as asked"
    return _checked(capture_eager(fresh_copy(network), examples, block, reason, pins), own)


def _checked(found: CapturedNetwork, network: nn.Module) -> CapturedNetwork:
    if not found.products:
        raise UnsupportedModelError(
            "the network has no matrix product with a weight", "Tiles compute Linear, convolution and recurrent layers"
        )
    return replace(found, signature=inspect.signature(network.forward))


@contextmanager
def _position(network: nn.Module, place: list[str]) -> Iterator[None]:
    """Keep the qualified names of the modules that are running in `place`."""
    with ExitStack() as hooks:
        for handle in follow_modules(network, place):
            hooks.callback(handle.remove)
        yield


def _where(place: list[str]) -> str:
    name = place[-1] if place else ""
    return f"module {name}" if name else "the network"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 160 else f"{text[:157]}..."
