"""Time of the RNN-T on the chip as a multiple of plain torch, in the same run; everything on.

INT9 pulses, exact read noise, asymmetry, saturation, UINT8 codes, affine columns. Goals: one LSTM 1,024 -> 1,024 over
100 frames at most 3x `nn.LSTM` at batch 32 and 10x at batch 1; the network of the paper's widths over 64 utterances at
most 3x, at most 2.5 GB; programming its 141 M devices at most 60 s. `mesh` adds the wires' effect on every pulse.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from pcmesh.chip import load_chip
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.physics.fabrication import Instance
from pcmesh.workloads.rnnt.lstm import chip_lstm, lstm_weights
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.chip import LAYERS, RnntChip, bring_up_rnnt, compile_rnnt
from pcmesh.workloads.rnnt.on_chip.products import Joined, Separate
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run
from pcmesh.workloads.rnnt.on_chip.store import Store
from pcmesh.workloads.rnnt.recognition import recognise

FRAMES, UTTERANCES = 100, 64


def seconds(call: Callable[[], object], times: int = 3) -> float:
    """Return the shortest time of a call."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        found.append(time.perf_counter() - started)
    return min(found)


@torch.inference_mode()
def lstm_ratio(chip: RnntChip, name: str, batch: int) -> tuple[float, float]:
    """Return (time of `nn.LSTM`, our multiple of it)."""
    weights = lstm_weights(chip.program.network, name)
    plain = torch.nn.LSTM(weights.ih.shape[1], weights.units)
    made = chip.layer(name)
    products = Joined(made[name]) if name in made else Separate(made[f"{name}-wx"], made[f"{name}-wh"])
    x = torch.tanh(torch.randn(FRAMES, batch, weights.ih.shape[1]))
    inputs = list(x.unbind(1))
    keys = noise_keys(Instance(0), [str(number) for number in range(batch)])
    base = seconds(lambda: plain(x))
    return base, seconds(lambda: chip_lstm(products, weights.bias, inputs, keys)) / base


def whole_network(chip: RnntChip, features: list[torch.Tensor]) -> tuple[float, float]:
    """Return the times on the chip and in plain torch."""
    network = chip.program.network
    recordings = Recordings(tuple(map(str, range(len(features)))), tuple(features))
    with tempfile.TemporaryDirectory() as folder:
        run = Run(network, chip, frozenset(LAYERS), Store(Path(folder)))
        ours = seconds(lambda: run.recognise(recordings, lambda *_: None), 1)
    return ours, seconds(lambda: recognise(network, features), 1)


def main() -> None:
    torch.manual_seed(0)
    console = Console(width=100)
    network = RnntNetwork().eval()
    features = [torch.randn(length, 240) for length in torch.randint(60, 300, (UTTERANCES,)).tolist()]
    started = time.perf_counter()
    program = compile_rnnt(network, load_chip())
    console.print(f"compile: {time.perf_counter() - started:.1f} s, {len(program.compiled.mapping.tiles)} tiles")
    table = Table("LSTM 1,024 -> 1,024, 100 frames", "mesh", "B = 1", "B = 32")
    for mesh in (False, True):
        started = time.perf_counter()
        chip = bring_up_rnnt(program, Instance(0), features[:8], frames=500, mesh=mesh)
        devices, pulses = program.compiled.mapping.devices, chip.products.network.pulses
        console.print(
            f"program {devices / 1e6:.1f} M devices ({pulses / 1e6:.0f} M pulses) and calibrate: "
            f"{time.perf_counter() - started:.1f} s"
        )
        for name in ("enc-lstm1", "enc-lstm4"):
            cells = [lstm_ratio(chip, name, batch) for batch in (1, 32)]
            kind = "Wx and Wh apart, AB" if name == "enc-lstm1" else "one matrix, 2-PCM"
            table.add_row(f"{name} ({kind})", "yes" if mesh else "no", *(f"{r:.2f}x of {b:.2f} s" for b, r in cells))
        ours, plain = whole_network(chip, features)
        console.print(
            f"whole network, {UTTERANCES} utterances, {sum(map(len, features)):,} frames of 30 ms, "
            f"mesh {'on' if mesh else 'off'}: {ours / plain:.2f}x of {plain:.1f} s"
        )
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    console.print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; peak {peak:.2f} GB, all included")


if __name__ == "__main__":
    main()
