"""Time of the RNN-T on the chip as a multiple of plain torch, in the same run; everything on.

INT9 pulses, exact read noise, asymmetry, saturation, UINT8 codes, affine columns. Goals: one LSTM 1,024 -> 1,024 over
100 frames at most 3x `nn.LSTM` at batch 32 and 10x at batch 1; the network of the paper's widths over 64 utterances at
most 3x, at most 2.5 GB; programming its 141 M devices at most 60 s. `mesh` adds the wires' effect on every pulse.

    python benchmarks/bench_rnnt.py [--encoder 384] [--prediction 160]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from pcmesh.deployed import ChipModel
from pcmesh.hardware import load_chip
from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.listening.recognition import recognise
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.recipe import LAYERS, compile_rnnt
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run
from pcmesh.workloads.rnnt.on_chip.store import Store

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
def lstm_ratio(model: ChipModel, name: str, batch: int) -> tuple[float, float]:
    """Return (time of `nn.LSTM`, our multiple of it)."""
    part = model.part(f"encoder.{name}")
    units = int(model.program.captured.weights[f"encoder.{LAYERS[1]}.lstm.weight_hh_l0"].shape[0])
    plain = torch.nn.LSTM(units, units)
    x = torch.tanh(torch.randn(batch, FRAMES, units))
    lengths = torch.full((batch,), FRAMES)

    def ours() -> None:
        with part.samples([str(number) for number in range(batch)]):
            part(x, lengths)

    base = seconds(lambda: plain(x.transpose(0, 1)))
    return base, seconds(ours) / base


def whole_network(model: ChipModel, network: RnntNetwork, features: list[torch.Tensor]) -> tuple[float, float]:
    """Return the times on the chip and in plain torch."""
    recordings = Recordings(tuple(map(str, range(len(features)))), tuple(features))
    with tempfile.TemporaryDirectory() as folder:
        run = Run(model, frozenset(LAYERS), Store(Path(folder)))
        ours = seconds(lambda: run.recognise(recordings, lambda *_: None), 1)
    return ours, seconds(lambda: recognise(network, features), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=int, default=1024, help="units of an encoder LSTM")
    parser.add_argument("--prediction", type=int, default=320, help="units of a decoder LSTM")
    options = parser.parse_args()
    torch.manual_seed(0)
    console = Console(width=100)
    network = RnntNetwork(RnntWidths(encoder=options.encoder, prediction=options.prediction)).eval()
    with torch.no_grad():
        network.joint.last.bias[network.blank] += 3  # random weights write a letter at every turn, trained ones do not
    features = [torch.randn(length, 240) for length in torch.randint(60, 300, (UTTERANCES,)).tolist()]
    units = f"{options.encoder:,}"
    table = Table(f"LSTM {units} -> {units}, 100 frames", "mesh", "B = 1", "B = 32")
    for mesh in (False, True):
        started = time.perf_counter()
        model = compile_rnnt(network, load_chip(), features[:8], frames=500, mesh=mesh)
        mapping, pulses = model.program.mapping, model.side.chip.network.pulses
        console.print(
            f"compile {len(mapping.tiles)} tiles, program {mapping.devices / 1e6:.1f} M devices ({pulses / 1e6:.0f} M "
            f"pulses) and calibrate: {time.perf_counter() - started:.1f} s"
        )
        for name in ("enc-lstm1", "enc-lstm4"):
            cells = [lstm_ratio(model, name, batch) for batch in (1, 32)]
            kind = "Wx and Wh apart, AB" if name == "enc-lstm1" else "one matrix, 2-PCM"
            table.add_row(f"{name} ({kind})", "yes" if mesh else "no", *(f"{r:.2f}x of {b:.2f} s" for b, r in cells))
        ours, plain = whole_network(model, network, features)
        console.print(
            f"whole network, {UTTERANCES} utterances, {sum(map(len, features)):,} frames of 30 ms, "
            f"mesh {'on' if mesh else 'off'}: {ours / plain:.2f}x of {plain:.1f} s"
        )
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    console.print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; peak {peak:.2f} GB, all included")


if __name__ == "__main__":
    main()
