"""What a gain for each column (`scale_columns`) is worth on the zoo's networks.

`python benchmarks/column_gains.py [NAME ...]` prints each network's relative error of its first output, mean of three
chips, and the geometric mean over the networks. The whole zoo takes some ten minutes of one core.
"""

from __future__ import annotations

import math
import statistics
import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import pcmesh
from pcmesh.analysis.batches import call, first_output

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.zoo.networks import ZOO

WAYS = {"a gain for each column": True, "none": False}
CHIPS = 3


def error(name: str, scale_columns: bool) -> float:
    torch.manual_seed(0)
    network, x = ZOO[name]()
    model = pcmesh.compile(network, x, scale_columns=scale_columns)
    wanted = first_output(call(model.software, x))
    chips = [model, *(model.on(number=number) for number in range(1, CHIPS))]
    return statistics.mean(float((first_output(call(chip, x)) - wanted).norm() / wanted.norm()) for chip in chips)


def main() -> None:
    names = sys.argv[1:] or sorted(ZOO)
    table = Table("network", *WAYS)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for name in names:
        for way, scale_columns in WAYS.items():
            found[way].append(error(name, scale_columns))
        table.add_row(name, *(f"{errors[-1]:.4f}" for errors in found.values()))
    table.add_row("geometric mean", *(f"{math.exp(statistics.mean(map(math.log, e))):.4f}" for e in found.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
