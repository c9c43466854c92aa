"""`pcmesh verify`: the clocked chip, nanosecond by nanosecond, against the behavioural engine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pcmesh.cli.artefacts.inspect import Folder
from pcmesh.cli.output import console, facts, progress, write_result
from pcmesh.cli.paths import file_target, input_folder, json_target
from pcmesh.progress import Progress

if TYPE_CHECKING:
    import torch

    from pcmesh.compiled import CompiledNetwork
    from pcmesh.deployed.chip import Chip
    from pcmesh.execution.clocked.verify import NoiseAgreement, Verification

_TRACED_WIRES = 4


def verify(
    folder: Folder,
    frames: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="Frames that are executed.")] = 3,
    data: Annotated[
        Path | None,
        typer.Option(
            callback=input_folder,
            metavar="DIR",
            help="Frames are the first test words of these recordings (kws); else random.",
        ),
    ] = None,
    noise: Annotated[
        int | None,
        typer.Option(min=100, max=100_000, metavar="N", help="Run the first frame N times with read noise too."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the die and of random frames.")] = 0,
    trace: Annotated[
        Path | None,
        typer.Option(
            callback=file_target, metavar="FILE", help="Write controllers and some wires of the first chip as VCD."
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file.")
    ] = None,
) -> None:
    """Execute the microcode on the clocked chip and compare every code with the behavioural engine.

    The die is programmed with the network's weights and has all its mismatch; read noise is off, so that the two
    engines must agree in every code. A wrong route, wait or mask shows as a difference or is refused by the chip.

    With [bold]--noise N[/bold] the engines draw read noise each in its own way; then means and variances must agree.
    """
    from pcmesh.compiled import load_compiled
    from pcmesh.deployed.chip import program_nominal
    from pcmesh.physics.fabrication import Instance

    compiled = load_compiled(folder)
    inputs = _frames(compiled, data, frames, seed)
    with progress() as report:
        report("programming", 0, 1)
        chip = program_nominal(compiled, Instance(seed))
        report("programming", 1, 1)
        if trace is not None:
            _trace(compiled, chip, inputs, trace)
        result = _exact(compiled, chip, inputs, report)
        noisy = None if noise is None else _noisy(compiled, chip, inputs, noise, seed, report)
    rows = [
        ("codes compared", f"{result.codes_compared:,}"),
        ("codes differing", f"{result.codes_differing:,}"),
        ("frames", f"{frames:,} on {len(result.activity)} chip{'s' if len(result.activity) > 1 else ''}"),
    ]
    rows += [
        (f"first: group {d.group}, frame {d.frame}", f"column {d.column}: {d.clocked}, expected {d.expected}")
        for d in result.differences
    ]
    if noisy is not None:
        rows += [
            ("with read noise", f"one frame {noisy.runs:,} times, {noisy.outputs} outputs that do not saturate"),
            ("largest z of the means", f"{noisy.largest_z_mean:.2f}  (limit {noisy.limit:.2f})"),
            ("largest z of the variances", f"{noisy.largest_z_variance:.2f}  (limit {noisy.limit:.2f})"),
            ("odds of a false alarm", f"{noisy.odds:g}"),
        ]
    console().print(facts(f"Clocked chip against behavioural engine: {folder}", rows))
    found = {**asdict(result), "frames": frames, "seed": seed, "noise": None if noisy is None else asdict(noisy)}
    write_result(found, json, None)
    if result.codes_differing or (noisy is not None and not noisy.agrees):
        raise typer.Exit(1)


def _frames(compiled: CompiledNetwork, data: Path | None, count: int, seed: int) -> dict[str, torch.Tensor]:
    from pcmesh.execution.clocked.frames import random_frames
    from pcmesh.workloads.kws.frames import recorded_frames

    if data is not None:
        return recorded_frames(compiled, data, count)
    return random_frames(compiled.graph, compiled.chip, count, seed)


def _exact(compiled: CompiledNetwork, chip: Chip, inputs: dict[str, torch.Tensor], report: Progress) -> Verification:
    from pcmesh.execution.clocked.verify import codes_by_group, verify
    from pcmesh.execution.hardware import chip_hardware

    outputs = chip.engine().run(inputs, None)
    collected = {collect.group for program in compiled.microcode.chips for collect in program.collects}
    expected = {g: codes for g, codes in codes_by_group(compiled.mapping, outputs).items() if g in collected}
    return verify(compiled.microcode, lambda die: chip_hardware(chip.network, die), inputs, expected, report=report)


def _noisy(
    compiled: CompiledNetwork,
    chip: Chip,
    inputs: dict[str, torch.Tensor],
    runs: int,
    seed: int,
    report: Progress,
) -> NoiseAgreement:
    from pcmesh.execution.behavioural.network import frame_keys, noise_keys
    from pcmesh.execution.clocked.chip import ClockedChip
    from pcmesh.execution.clocked.verify import codes_by_group, compare_noise
    from pcmesh.execution.hardware import chip_hardware
    from pcmesh.physics.fabrication import Instance

    repeated = {name: ticks[:1].expand(runs, -1).contiguous() for name, ticks in inputs.items()}
    keys = frame_keys(noise_keys(Instance(seed), [str(number) for number in range(runs)]), 0)
    expected = codes_by_group(compiled.mapping, chip.engine().run(repeated, keys))
    codes: dict[int, torch.Tensor] = {}
    for number, program in enumerate(compiled.microcode.chips):
        report("with read noise", number, len(compiled.microcode.chips))
        codes |= ClockedChip(chip_hardware(chip.network, program.chip), program).run(repeated, noise=True).codes
    report("with read noise", len(compiled.microcode.chips), len(compiled.microcode.chips))
    largest = int(compiled.chip.timing.input_max_ns / compiled.chip.timing.output_step_ns)
    return compare_noise({group: expected[group] for group in codes}, codes, largest)


def _trace(compiled: CompiledNetwork, chip: Chip, inputs: dict[str, torch.Tensor], file: Path) -> None:
    from pcmesh.execution.clocked.chip import ClockedChip
    from pcmesh.execution.clocked.trace import Trace
    from pcmesh.execution.hardware import chip_hardware

    program, wires = compiled.microcode.chips[0], compiled.chip.wires
    trace = Trace(range(wires)[:: max(wires // _TRACED_WIRES, 1)])
    one = {name: ticks[:1] for name, ticks in inputs.items()}
    ClockedChip(chip_hardware(chip.network, program.chip), program).run(one, noise=False, trace=trace)
    trace.write(file)
