"""The clocked engine: one frame, and sixteen, through the keyword network's four tiles.

python benchmarks/bench_clocked.py
"""

from __future__ import annotations

import time

from pcmesh.deployed.chip import program_nominal
from pcmesh.execution.clocked import ClockedChip
from pcmesh.execution.clocked.frames import random_frames
from pcmesh.execution.hardware import chip_hardware
from pcmesh.physics.fabrication import Instance
from pcmesh.workloads.kws.prepare import KwsOptions, prepare

GOAL_S = 0.5


def main() -> None:
    compiled = prepare(KwsOptions(utterances=1), lambda *_: None).compiled
    chip = program_nominal(compiled, Instance(0))
    engine = ClockedChip(chip_hardware(chip.network), compiled.microcode.chips[0])
    for count in (1, 16):
        frames = random_frames(compiled.graph, compiled.chip, count, seed=0)
        engine.run(frames, noise=False)
        start = time.perf_counter()
        run = engine.run(frames, noise=False)
        took = time.perf_counter() - start
        print(f"clocked-kws-{count}: {took:.3f} s, {run.activity.fetches} words fetched (goal for one: {GOAL_S} s)")


if __name__ == "__main__":
    main()
