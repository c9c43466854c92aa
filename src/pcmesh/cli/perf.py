"""`pcmesh perf`: how long a network takes on the chips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from pcmesh.cli.output import console, progress, table, write_result


def perf(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="rnnt, kws, or a folder written by pcmesh compile.")
    ] = "rnnt",
    manifest: Annotated[
        Path | None, typer.Option(metavar="FILE", help="MLPerf's manifest (rnnt); the recordings need not be there.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of recordings with transcripts (rnnt).")
    ] = None,
    utterances: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N recordings; for other networks: N frames.")
    ] = None,
    expand: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Report first the RNN-T with Enc-LSTM0 Wx expanded to N rows."),
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
        str | None, typer.Option(metavar="CHIP", help="The chip: a preset's name or a TOML file (docs/chip.md).")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the chip: tile.rows=1024. Repeatable."),
    ] = None,
    costs: Annotated[
        bool, typer.Option("--costs", help="Show what each event and digital operation is counted with, and why.")
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of what is unknown: where letters fall.")] = 0,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result to this file.")] = None,
) -> None:
    """Simulate a data set on the pipeline of chips: time, throughput, operations, energy.

    Times come from the schedule: time steps of each chip, digital time per layer, recurrence, time stacking, letters.
    Energies are events (the clocked chips execute the paper's power test) times their costs: see --costs.

    [bold]pcmesh perf rnnt --manifest dev-clean-wav.json[/bold] is the paper's case: MLPerf's 2,513 recordings.

    [bold]pcmesh perf kws[/bold] takes a thousand frames of the keyword network.

    [bold]pcmesh perf rnnt --set digital.layer_ns=100[/bold] asks what a faster digital side would bring.
    """
    from pcmesh.chip import change_chip, load_chip
    from pcmesh.evaluation.performance import Link, TimeOptions
    from pcmesh.workloads.performance import PerfOptions, run_performance
    from pcmesh.workloads.rnnt.performance import EXPANDED_ROWS
    from pcmesh.workloads.rnnt.speech_load import LoadOptions

    spec = None if chip is None and not change else change_chip(load_chip(chip or "nature2023"), change or [])
    options = PerfOptions(
        network=network,
        load=LoadOptions(manifest=manifest, data=data, utterances=utterances, letters=letters, seed=seed),
        time=TimeOptions(overlap=overlap, decoder=decoder, link=Link() if link else None),
        expand=expand or EXPANDED_ROWS,
        expanded=expand is not None,
    )
    with progress() as report:
        result = run_performance(options, spec, report)
    for shown in _tables(result, costs):
        console().print(shown, "")
    for path in write_result(result, json, None):
        console().print(f"Written: {path}")


def _tables(result: dict[str, Any], costs: bool) -> Iterator[Table]:
    variants: dict[str, dict[str, Any]] = result["variants"]
    overlap = "overlapping" if result["options"]["overlap"] else "one after the other"
    title = f"{result['network']} on {result['chip']}: {result['data']['described']}, {overlap}"
    rows = [
        ("Time, one after the other", *(f"{v['time_s']['no_overlap']:.5g} s" for v in variants.values())),
        ("Time, overlapping", *(f"{v['time_s']['overlap']:.5g} s" for v in variants.values())),
        ("Samples per second", *(f"{v['samples_per_s']:,.1f}" for v in variants.values())),
        ("Mean time of a sample", *(f"{v['mean_sample_us']:,.1f} µs" for v in variants.values())),
        ("Real-time factor", *(_real_time(v["real_time_factor"]) for v in variants.values())),
        ("Analog operations", *(f"{v['operations']:,}" for v in variants.values())),
        ("Digital operations", *(f"{v['digital']['operations']:,}" for v in variants.values())),
        ("Analog to digital", *(_ratio(v["digital"]) for v in variants.values())),
        ("Rate", *(f"{v['tops']:.4g} TOPS" for v in variants.values())),
        ("Energy", *(f"{v['energy_j']:.4g} J" for v in variants.values())),
        ("  of it digital", *(f"{v['energy']['digital_j']:.3g} J" for v in variants.values())),
        ("Power", *(f"{v['power_w']:.3f} W" for v in variants.values())),
        ("Chips alone", *(f"{v['energy']['chips_tops_per_w']:.3f} TOPS/W" for v in variants.values())),
        ("With the digital side", *(f"{v['tops_per_w']:.3f} TOPS/W" for v in variants.values())),
        ("Samples per second and watt", *(f"{v['samples_per_s_per_w']:,.1f}" for v in variants.values())),
    ]
    yield table(title, ("", *variants), rows)
    names = ("Chip", "Layers", "Runs", "ns each", "Next, ns", "Busy", "Energy, J", "W running", "TOPS/W")
    chips = [
        (
            entry["chip"],
            ", ".join(entry["layers"]),
            f"{entry['runs']:,}",
            f"{entry['operation_ns']:,}",
            "-" if entry["period_ns"] is None else f"{entry['period_ns']:,}",
            f"{100 * entry['activity']:.1f} %",
            f"{entry['energy_j']:.3g}",
            f"{entry['running_power_w']:.3f}",
            f"{entry['tops_per_w']:.2f}",
        )
        for entry in result["per_chip"]
    ]
    yield table(f"Chips ({result['variant']})", names, chips)
    yield _energy_table(result["energy"])
    counted = [(c["thing"], c["operations"], c["standing"], c["note"]) for c in result["digital"]["costs"]]
    if costs and result["digital"]["operations"]:
        yield table("Digital operations counted per", ("", "Operations", "Standing", "Note"), counted)
    if costs:
        entries = [
            (c["name"], c["supply"], f"{c['pj']:.4g}", c["standing"], c["note"]) for c in result["energy"]["costs"]
        ]
        yield table("Costs", ("", "Supply", "pJ each", "Standing", "What"), entries)


def _energy_table(energy: dict[str, Any]) -> Table:
    total = energy["total_j"]
    rows = [
        (axis, name, f"{joule:.4g}", f"{100 * joule / total:.1f} %")
        for axis in ("supply", "cost", "phase")
        for name, joule in energy[f"by_{axis}_j"].items()
        if joule > 0
    ]
    return table("Where the energy goes", ("By", "", "J", "Share"), rows)


def _ratio(digital: dict[str, Any]) -> str:
    return f"{digital['ratio']:.1f} : 1" if digital["operations"] else "-"


def _real_time(factor: float) -> str:
    return f"{factor:.2e}" if factor == factor else "-"
