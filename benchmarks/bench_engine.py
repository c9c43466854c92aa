"""Time of the behavioural engine as a multiple of torch fp32 `F.linear` of the same shape, in the same run.

Everything is on: 8-bit inputs, exact read noise, asymmetry, compression, saturation, 8-bit outputs. Goals: at most 2.0
at batch 64 and 1,024, at most 4 at batch 1. `mesh` adds the width shifts of every wire on the routes (pulses are
then no longer whole nanoseconds).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table

from pcmesh.deployed.chip import program_nominal
from pcmesh.execution.behavioural.network import BehaviouralNetwork, build_network, noise_keys
from pcmesh.hardware import load_chip
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.pulse import input_ticks
from pcmesh.pipeline import compile_network

SHAPES = ((512, 512), (1024, 4096))
BATCHES = (1, 64, 1024)
SECONDS = 1.0


def engine(rows: int, columns: int, encoding: Encoding, signed: bool, mesh: bool) -> BehaviouralNetwork:
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0)) * 0.2
    vectors = (Vector(name="x", size=rows, signed=signed), Vector(name="y", size=columns))
    graph = LayerGraph("bench", vectors, (AnalogLayer(name="layer", input="x", output="y"),), (), {"layer": weight})
    compiled = compile_network(graph, load_chip(), {"layer": LayerOptions(encoding=encoding)})
    made = program_nominal(compiled, Instance(0))
    return made.engine() if mesh else build_network(made.network, graph, compiled.ramps)


def ratio(ours: Callable[[], object], plain: Callable[[], object]) -> tuple[float, float]:
    """Return (median time of `plain`, median ratio), the two timed in turn."""
    for call in (ours, plain, ours, plain):
        call()
    times: list[tuple[float, float]] = []
    stop = time.perf_counter() + SECONDS
    while time.perf_counter() < stop or len(times) < 5:
        marks = [time.perf_counter()]
        for call in (ours, plain):
            call()
            marks.append(time.perf_counter())
        times.append((marks[1] - marks[0], marks[2] - marks[1]))
    return statistics.median(b for _, b in times), statistics.median(a / b for a, b in times)


def main() -> None:
    timing = load_chip().timing
    table = Table("rows x columns", "encoding", "inputs", "mesh", *(f"B = {b}" for b in BATCHES))
    for rows, columns in SHAPES:
        for encoding, signed, mesh in (
            (Encoding.AB, True, False),
            (Encoding.PCM2, True, False),
            (Encoding.AB, False, False),
            (Encoding.AB, True, True),
        ):
            made, weight = engine(rows, columns, encoding, signed, mesh), torch.randn(columns, rows)
            cells = []
            for batch in BATCHES:
                x = torch.randn(batch, rows) if signed else torch.rand(batch, rows)
                keys = noise_keys(Instance(0), [str(number) for number in range(batch)])

                def ours(x: torch.Tensor = x, keys: torch.Tensor = keys, made: BehaviouralNetwork = made) -> object:
                    return made.run_layer("layer", input_ticks(x, 3.0, timing), keys)

                base, found = ratio(ours, lambda x=x, weight=weight: F.linear(x, weight))
                cells.append(f"{found:.2f}x of {base * 1e3:.2f} ms")
            inputs = "signed (INT9)" if signed else "ReLU (UINT8)"
            table.add_row(f"{rows} x {columns}", str(encoding), inputs, "yes" if mesh else "no", *cells)
    console = Console(width=100)
    console.print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; medians of pairs run in turn")
    console.print(table)


if __name__ == "__main__":
    main()
