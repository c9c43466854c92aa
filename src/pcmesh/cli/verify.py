"""`pcmesh verify`: the clocked chip, nanosecond by nanosecond, against the behavioural engine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pcmesh.cli.inspect import Folder
from pcmesh.cli.output import ProgressCallback, console, facts, progress, write_result

if TYPE_CHECKING:
    from pcmesh.execution.clocked.verify import Verification

_TRACED_WIRES = 4


def verify(
    folder: Folder,
    frames: Annotated[int, typer.Option(min=1, metavar="N", help="Random frames that are executed.")] = 3,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the die and of the frames.")] = 0,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write controllers and some wires of the first chip as VCD.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result to this file.")] = None,
) -> None:
    """Execute the microcode on the clocked chip and compare every code with the behavioural engine.

    The die is programmed with the network's weights and has all its mismatch; read noise is off, so that the two
    engines must agree in every code. A wrong route, wait or mask shows as a difference or is refused by the chip.
    """
    with progress() as report:
        result = _verify(folder, frames, seed, trace, report)
    rows = [
        ("codes compared", f"{result.codes_compared:,}"),
        ("codes differing", f"{result.codes_differing:,}"),
        ("frames", f"{frames:,} on {len(result.activity)} chip{'s' if len(result.activity) > 1 else ''}"),
    ]
    rows += [
        (f"first: group {d.group}, frame {d.frame}", f"column {d.column}: {d.clocked}, expected {d.expected}")
        for d in result.differences
    ]
    console().print(facts(f"Clocked chip against behavioural engine: {folder}", rows))
    write_result({**asdict(result), "frames": frames, "seed": seed}, json, None)
    if result.codes_differing:
        raise typer.Exit(1)


def _verify(folder: Path, frames: int, seed: int, trace_file: Path | None, report: ProgressCallback) -> Verification:
    from pcmesh.compiled import load_compiled
    from pcmesh.execution.clocked.chip import ClockedChip
    from pcmesh.execution.clocked.frames import random_frames
    from pcmesh.execution.clocked.trace import Trace
    from pcmesh.execution.clocked.verify import codes_by_group, verify
    from pcmesh.execution.hardware import chip_hardware
    from pcmesh.physics.fabrication import Instance
    from pcmesh.pipeline import program_nominal

    compiled = load_compiled(folder)
    report("programming", 0, 1)
    chip = program_nominal(compiled, Instance(seed))
    report("programming", 1, 1)
    inputs = random_frames(compiled.graph, compiled.chip, frames, seed)
    outputs = chip.engine().run(inputs, None)
    collected = {collect.group for program in compiled.microcode.chips for collect in program.collects}
    expected = {g: codes for g, codes in codes_by_group(compiled.mapping, outputs).items() if g in collected}
    if trace_file is not None:
        program = compiled.microcode.chips[0]
        trace = Trace(range(compiled.chip.wires)[:: max(compiled.chip.wires // _TRACED_WIRES, 1)])
        one = {name: ticks[:1] for name, ticks in inputs.items()}
        ClockedChip(chip_hardware(chip.network, program.chip), program).run(one, noise=False, trace=trace)
        trace.write(trace_file)
    return verify(compiled.microcode, lambda die: chip_hardware(chip.network, die), inputs, expected, report=report)
