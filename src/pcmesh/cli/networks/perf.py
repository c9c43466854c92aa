"""`pcmesh perf`: how long a network takes on the chips."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer

from pcmesh.cli.networks.options import Code
from pcmesh.cli.networks.perf_tables import perf_tables
from pcmesh.cli.output import console, progress, write_report, write_result
from pcmesh.cli.paths import chip_name, folder_target, input_file, input_folder, json_target


def perf(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="rnnt, kws, or a folder written by pcmesh compile.")
    ] = "rnnt",
    manifest: Annotated[
        Path | None,
        typer.Option(
            callback=input_file, metavar="FILE", help="MLPerf's manifest (rnnt); the recordings need not be there."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(callback=input_folder, metavar="DIR", help="Folder of recordings with transcripts (rnnt)."),
    ] = None,
    decoded: Annotated[
        Path | None,
        typer.Option(
            callback=input_file,
            metavar="FILE",
            help="Result of pcmesh rnnt transcribe: its letters, when they were written.",
        ),
    ] = None,
    utterances: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, metavar="N", help="Only the first N recordings; for other networks: N frames."
        ),
    ] = None,
    expand: Annotated[
        int | None,
        typer.Option(
            min=1, max=65_536, metavar="N", help="Report first the RNN-T with Enc-LSTM0 Wx expanded to N rows."
        ),
    ] = None,
    overlap: Annotated[
        bool, typer.Option(help="An utterance enters while the one before is still on the chips.")
    ] = False,
    decoder: Annotated[
        Literal["joined", "serial"],
        typer.Option(
            metavar="HOW", help="joined: one operation per letter, as the paper counts; serial: layer after layer."
        ),
    ] = "joined",
    letters: Annotated[
        Literal["spoken", "random"],
        typer.Option(
            metavar="HOW", help="Where letters fall, which transcripts do not tell: spoken (evenly), or random frames."
        ),
    ] = "spoken",
    link: Annotated[
        bool, typer.Option("--link", help="Every vector crosses the bench's link: 384 pins of 100 MHz per chip.")
    ] = False,
    chip: Annotated[
        str | None,
        typer.Option(
            callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file (docs/chip.md)."
        ),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the chip: tile.rows=1024. Repeatable."),
    ] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Print the first table only.")] = False,
    costs: Annotated[
        bool, typer.Option("--costs", help="Show what each event and digital operation is counted with, and why.")
    ] = False,
    integration_ns: Annotated[
        int | None,
        typer.Option(metavar="NS", help="What if tiles integrated so long (300)? Pulses shrink or grow alike."),
    ] = None,
    input_bits: Annotated[
        int | None, typer.Option(metavar="N", help="What if pulses had so many bits (8), and steps as much less time?")
    ] = None,
    encoding: Annotated[
        Literal["AB", "2-PCM", "4-PCM"] | None,
        typer.Option(metavar="HOW", help="What if all layers were held like this: AB, 2-PCM, 4-PCM?"),
    ] = None,
    more_olps: Annotated[
        int, typer.Option(min=0, max=1_000, metavar="N", help="What if there were N more output landing pads?")
    ] = 0,
    mac: Annotated[
        bool, typer.Option("--mac", help="Measure how exact products are on that chip: one tile, random weights.")
    ] = False,
    accuracy: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Measure accuracy on N such chips too: of kws, or (for rnnt) of the small RNN-T."
        ),
    ] = 0,
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit the costs anew; compare with every published figure, each left out once.")
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of what is unknown: where letters fall.")] = 0,
    code: Code = None,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=folder_target, metavar="DIR", help="Write result.json and report.html with pictures there."
        ),
    ] = None,
) -> None:
    """Simulate a data set on the pipeline of chips: time, throughput, operations, energy.

    Times come from the schedule: time steps of each chip, digital time per layer, recurrence, time stacking, letters.
    Energies are events (the clocked chips execute the paper's power test) times their costs: see --costs.

    [bold]pcmesh perf rnnt --manifest dev-clean-wav.json[/bold] is the paper's case: MLPerf's 2,513 recordings.

    [bold]pcmesh perf kws[/bold] takes a thousand frames of the keyword network.

    [bold]pcmesh perf kws --integration-ns 150 --accuracy 5[/bold] asks what half the integration time saves, and costs.

    [bold]pcmesh perf rnnt --set digital.layer_ns=100[/bold] asks the same of any key of the chip (docs/chip.md).
    """
    from pcmesh.errors import ConfigurationError
    from pcmesh.hardware import change_chip, load_chip
    from pcmesh.mapping import Encoding
    from pcmesh.performance import Link, TimeOptions
    from pcmesh.reporting import render_perf
    from pcmesh.studies.performance import PerfOptions, run_performance
    from pcmesh.studies.what_if import WhatIf
    from pcmesh.workloads.rnnt.compiled.performance import EXPANDED_ROWS
    from pcmesh.workloads.rnnt.compiled.speech_load import LoadOptions

    spec = None if chip is None and not change else change_chip(load_chip(chip or "nature2023"), change or [])
    options = PerfOptions(
        network=network,
        load=LoadOptions(
            manifest=manifest, data=data, decoded=decoded, utterances=utterances, letters=letters, seed=seed
        ),
        time=TimeOptions(overlap=overlap, decoder=decoder, link=Link() if link else None),
        what_if=WhatIf(
            integration_ns=integration_ns,
            input_bits=input_bits,
            more_olps=more_olps,
            encoding=None if encoding is None else Encoding(encoding),
        ),
        mac=mac,
        accuracy=accuracy,
        fit=fit,
        expand=expand or EXPANDED_ROWS,
        expanded=expand is not None,
        code=code,
    )
    with progress() as report:
        result = run_performance(options, spec, report)
    if out is not None and "per_chip" not in result:
        raise ConfigurationError(f"no report of {network}, which has no routes", "--json FILE writes the figures")
    for shown in islice(perf_tables(result, costs), 1 if brief else None):
        console().print(shown, "")
    written = write_result(result, json, out)
    if out is not None:
        written.append(write_report(render_perf(result), out))
    if written:
        console().print("Written: " + ", ".join(str(path) for path in written))
