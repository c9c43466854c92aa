"""Numbers that must not move unnoticed: accuracies, codes, time and energy, outputs of the zoo.

`python -m tests.golden.numbers` computes them again and shows old beside new; `--write` keeps the new ones.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import pcmesh
from pcmesh.execution.behavioural.bank import Bank
from pcmesh.hardware import load_chip
from pcmesh.speech.front_ends.rnnt import rnnt_features
from pcmesh.speech.transcripts import to_text
from pcmesh.speech.voices.spoken import held_out_speech
from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network
from pcmesh.workloads.rnnt.on_chip.recipe import LAYERS, compile_rnnt
from pcmesh.workloads.rnnt.on_chip.run import Recordings, Run
from pcmesh.workloads.rnnt.on_chip.speech import calibration_features
from pcmesh.workloads.rnnt.on_chip.store import Store
from tests.zoo.networks import ZOO

FILE = Path(__file__).parent / "numbers.json"
DATA = Path(os.environ.get("PCMESH_DATA", Path(__file__).parents[3] / "shared" / "data"))
MANIFEST = DATA / "mlperf_rnnt" / "dev-clean-wav.json"
FAST = ("keywords, 120 words", "time and energy, keywords", "zoo mlp", "zoo lstm_tagger", "zoo unet", "zoo mixer")

Numbers = dict[str, Any]


def rounded(value: float) -> float:
    """Return a number of six digits."""
    return float(f"{value:.6g}")


def command(*arguments: object) -> dict[str, Any]:
    """Return what a command of pcmesh writes as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "numbers.json"
        call = [sys.executable, "-m", "pcmesh", *map(str, arguments), "--json", str(file), "--out", folder]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
        result: dict[str, Any] = json.loads(file.read_text())
        return result


def keywords(*options: object) -> Numbers:
    """Accuracies and programming of `pcmesh kws` on each chip."""
    result = command("kws", *options)
    numbers: Numbers = {"software": rounded(result["software_accuracy"])}
    numbers |= {f"chip {n}": rounded(each) for n, each in enumerate(result["chip_accuracy"]["per_chip"])}
    for point in result["figures"]["drift"][1:]:
        age = f"chip 0 after {point['time_s'] / 86_400:g} d"
        numbers |= {age: rounded(point["accuracy"]), f"{age}, new bias rows": rounded(point["accuracy_recalibrated"])}
    for layer in result["layers"]:
        numbers[f"{layer['name']} MAC error"] = rounded(layer["mac_sigma"])
    for name in ("frame_interval_ns", "latency_ns", "tiles", "analog_yield", "mean_weight_error"):
        numbers[name] = rounded(result[name])
    return numbers


def performance(*options: object) -> Numbers:
    """Time and energy of `pcmesh perf`."""
    result = command("perf", *options)
    numbers: Numbers = {
        name: rounded(result[name])
        for name in ("total_time_s", "energy_j", "samples_per_s", "power_w", "tops_per_w", "operations")
    }
    numbers |= {f"{name} time_s": rounded(value) for name, value in result["time_s"].items()}
    numbers |= {f"{name} energy_j": rounded(value) for name, value in result["energy"]["by_phase_j"].items()}
    for name, variant in result["variants"].items():
        numbers[f"{name}: energy_j"] = rounded(variant["energy_j"])
    return numbers


def speech_codes() -> Numbers:
    """Codes of all tiles while the RNN-T that ships hears three utterances on a chip without mesh."""
    network = load_speech_network(None)
    model = compile_rnnt(network, load_chip("nature2023"), calibration_features(None, 0), mesh=False)
    spoken = held_out_speech("test", 3, 0)
    features = tuple(rnnt_features(torch.from_numpy(one.wave)) for one in spoken)
    numbers: Numbers = {}
    run_bank = Bank.run
    for number, each in enumerate(features):
        codes: list[Tensor] = []

        def run(bank: Bank, ticks: Tensor, keys: Tensor | None, codes: list[Tensor] = codes) -> Tensor:
            out = run_bank(bank, ticks, keys)
            codes.append(out.to(torch.int32))
            return out

        name = f"utterance {number}"
        with patch.object(Bank, "run", run), tempfile.TemporaryDirectory() as folder:
            recordings = Recordings((name,), (each,))
            (found,) = Run(model, frozenset(LAYERS), Store(Path(folder))).recognise(recordings, lambda *_: None)
        digest = hashlib.blake2b(digest_size=8)
        for code in codes:
            digest.update(code.contiguous().numpy().tobytes())
        numbers |= {
            f"{name}: text": to_text(found.labels),
            f"{name}: codes": sum(code.numel() for code in codes),
            f"{name}: sum": int(sum(int(code.sum()) for code in codes)),
            f"{name}: first": codes[0][0].flatten()[:8].tolist(),
            f"{name}: last": codes[-1][0].flatten()[-8:].tolist(),
            f"{name}: hash": digest.hexdigest(),
        }
    return numbers


def _outputs(network: nn.Module, inputs: Any) -> list[float]:
    with torch.no_grad():
        if isinstance(inputs, Mapping):
            found = network(**inputs)
        else:
            found = network(*inputs) if isinstance(inputs, tuple) else network(inputs)
    leaves = [leaf for leaf in tree_leaves(found) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    first = leaves[0].flatten().double()
    return [float(f"{value:.4g}") for value in (*first[:4].tolist(), float(first.square().mean().sqrt()))]


def zoo(name: str) -> Numbers:
    """The first outputs and the root mean square of a network of the zoo, on both chips."""
    torch.manual_seed(0)
    network, inputs = ZOO[name]()
    network.eval()
    ideal = pcmesh.compile(network, inputs, chip="ideal", clipped_share=0.0)
    real = ideal.on("nature2023", clipped_share=0.001)
    return {"ideal": _outputs(ideal, inputs), "nature2023": _outputs(real, inputs)}


GROUPS: dict[str, Callable[[], Numbers]] = {
    "keywords, 120 words": lambda: keywords("--quick"),
    "keywords": lambda: keywords("--chips", 3),
    "time and energy, keywords": lambda: performance("kws"),
    "time and energy, RNN-T": lambda: performance("rnnt"),
    "time and energy, RNN-T, MLPerf's recordings": lambda: performance("rnnt", "--manifest", MANIFEST),
    "codes of rnnt-small": speech_codes,
    **{f"zoo {name}": (lambda name=name: zoo(name)) for name in ZOO},
}


def read() -> dict[str, Numbers]:
    """Return the numbers as they are kept."""
    numbers: dict[str, Numbers] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return numbers


def compute(group: str) -> Numbers | None:
    """Return a group's numbers as they are now; None where MLPerf's manifest, which it needs, is not there."""
    if "MLPerf" in group and not MANIFEST.exists():
        return None
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return GROUPS[group]()
    finally:
        torch.set_num_threads(threads)


def moved(old: Numbers, new: Numbers) -> list[tuple[str, Any, Any]]:
    """Return name, old and new of each number that is not what it was."""
    names = dict.fromkeys((*old, *new))
    return [(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def main() -> int:
    """Compute the numbers again, and show old beside new; exit code 1 if one moved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", help="beginnings of the groups' names; none: all")
    parser.add_argument("--write", action="store_true", help="keep the new numbers")
    options = parser.parse_args()
    kept, changes = read(), 0
    chosen = [name for name in GROUPS if not options.groups or name.startswith(tuple(options.groups))]
    for group in chosen:
        new = compute(group)
        if new is None:
            print(f"{group}: skipped, {MANIFEST} is not there")
            continue
        old = kept.get(group, {})
        different = {name for name, _, _ in moved(old, new)}
        changes += len(different)
        print(f"{group}: {len(different)} of {len(new)} moved", flush=True)
        for name in dict.fromkeys((*old, *new)):
            print(f"  {'*' if name in different else ' '} {name:40} {old.get(name)!s:>24} {new.get(name)!s:>24}")
        kept[group] = new
        if options.write:
            FILE.write_text(json.dumps({name: kept[name] for name in GROUPS if name in kept}, indent=1) + "\n")
    return 1 if changes and not options.write else 0


if __name__ == "__main__":
    sys.exit(main())
