"""`pcmesh kws`: keyword spotting on the simulated chip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pcmesh.cli.output import console, facts, progress, table, write_report, write_result
from pcmesh.cli.paths import check_folder, chip_name, folder_target, input_file, input_folder, json_target
from pcmesh.durations import format_duration, parse_duration

if TYPE_CHECKING:
    from pcmesh.workloads.kws.prepare import KwsOptions

kws = typer.Typer(name="kws", invoke_without_command=True, rich_markup_mode="rich")

QUICK_WORDS = 120

Chip = Annotated[
    str,
    typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file (docs/chip.md)."),
]
Weights = Annotated[
    Path | None,
    typer.Option(callback=input_file, metavar="FILE", help="Weights (safetensors) instead of those that ship."),
]
Split = Annotated[
    Literal["train", "validation", "test", "all"],
    typer.Option(metavar="PART", help="Part of the data that is spotted: train, validation, test, all."),
]
Seed = Annotated[
    int, typer.Option(metavar="N", help="Seed of everything random; the same seed gives the same figures.")
]


@kws.callback()
def run(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            callback=input_folder, metavar="DIR", help="Folder of Speech Commands; without it, synthetic speech."
        ),
    ] = None,
    split: Split = "test",
    utterances: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take only so many words.")] = None,
    chips: Annotated[
        int, typer.Option(min=1, metavar="N", help="Chip instances, each with its own fabrication and devices.")
    ] = 5,
    seed: Seed = 0,
    time_since_programming: Annotated[
        str,
        typer.Option(metavar="AGE", help="Age of the weights since programming and calibration: 20s, 1h, 1d, 1w, 1mo."),
    ] = "0s",
    no_ab: Annotated[
        bool, typer.Option("--no-ab", help="Without asymmetry balance (4-PCM on the same tiles).")
    ] = False,
    no_calibration: Annotated[
        bool, typer.Option("--no-calibration", help="Without column slopes, bias rows and ReLU trim.")
    ] = False,
    weights: Weights = None,
    chip: Chip = "nature2023",
    quick: Annotated[bool, typer.Option("--quick", help=f"One chip, {QUICK_WORDS} words, no drift curve.")] = False,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file too.")
    ] = None,
    out: Annotated[
        Path, typer.Option(callback=folder_target, metavar="DIR", help="Folder for result.json and report.html.")
    ] = Path("runs/kws"),
) -> None:
    """Spot keywords in speech on four analog tiles: how accurate, how fast, how good are the devices?

    Without options: 600 words of synthetic voices that the network never heard, five chips, under a minute.

    [bold]pcmesh kws listen FILE[/bold] says which word is in one recording.
    """
    if context.invoked_subcommand:
        return
    from pcmesh.workloads.kws.prepare import KwsOptions

    check_folder(out)

    options = KwsOptions(
        data=data,
        split=split,
        utterances=QUICK_WORDS if quick and utterances is None else utterances,
        chips=1 if quick else chips,
        seed=seed,
        time_s=parse_duration(time_since_programming),
        balanced=not no_ab,
        calibrated=not no_calibration,
        weights=weights,
        chip=chip,
        **({"drift_times_s": ()} if quick else {}),
    )
    _run(options, json, out)


@kws.command("listen")
def listen_to(
    file: Annotated[
        Path,
        typer.Argument(callback=input_file, metavar="FILE", help="A recording: wav, flac, ogg, mp3, ...; any rate."),
    ],
    seed: Seed = 0,
    weights: Weights = None,
    chip: Chip = "nature2023",
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file.")
    ] = None,
) -> None:
    """Say which word is in one recording."""
    from pcmesh.workloads.kws.listen import listen
    from pcmesh.workloads.kws.prepare import KwsOptions

    with progress() as report:
        result = listen(file, KwsOptions(seed=seed, weights=weights, chip=chip), report)
    console().print(
        f"{result['word']}    (software: {result['software_word']}; {result['latency_ns']:,} ns on the chip)"
    )
    write_result(result, json, None)


@kws.command("techniques")
def techniques(
    data: Annotated[
        Path | None,
        typer.Option(
            callback=input_folder, metavar="DIR", help="Folder of Speech Commands; without it, synthetic speech."
        ),
    ] = None,
    split: Split = "test",
    utterances: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take only so many words.")] = None,
    chips: Annotated[int, typer.Option(min=1, metavar="N", help="Chip instances.")] = 5,
    seed: Seed = 0,
    chip: Chip = "nature2023",
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file too.")
    ] = None,
    out: Annotated[Path, typer.Option(callback=folder_target, metavar="DIR", help="Folder for result.json.")] = Path(
        "runs/kws-techniques"
    ),
) -> None:
    """Say what each technique is worth: leave one out, or let the chips drift, and spot the same words."""
    from pcmesh.workloads.kws.prepare import KwsOptions
    from pcmesh.workloads.kws.techniques import compare_techniques

    check_folder(out)
    options = KwsOptions(data=data, split=split, utterances=utterances, chips=chips, seed=seed, chip=chip)
    with progress() as report:
        result = compare_techniques(options, report)
    rows = [
        (
            row["name"],
            _percent(row["software_accuracy"]),
            f"{_percent(row['chip_accuracy']['mean'])} ± {_half(row['chip_accuracy']['ci95'])}",
            _percent(row["of_software"]),
            f"{100 * row['change']['mean']:+.2f} ± {_half(row['change']['ci95'])}",
        )
        for row in result["techniques"]
    ]
    speech = "synthetic speech" if result["data"]["kind"] == "synthetic" else "recorded speech"
    title = f"What each technique is worth: {result['n_utterances']} words of {speech}, chips: {result['chips']}"
    console().print(table(title, ("Chips", "Software", "Chips' accuracy", "Of software", "Change, points"), rows))
    console().print("± are 95 % intervals over chips; the change is of the same chips.")
    console().print("Written: " + ", ".join(str(path) for path in write_result(result, json, out)))


def _half(interval: list[float]) -> str:
    return f"{50 * (interval[1] - interval[0]):.2f}"


def _run(options: KwsOptions, json: Path | None, out: Path) -> None:
    from pcmesh.reporting import render_kws
    from pcmesh.workloads.kws.experiment import run_kws

    with progress() as report:
        result = run_kws(options, report)
    _print(result)
    written = write_result(result, json, out)
    written.append(write_report(render_kws(result), out))
    console().print("Written: " + ", ".join(str(path) for path in written))


def _print(result: dict[str, Any]) -> None:
    from pcmesh.reporting.pages.kws import steps_text

    chip, (low, high) = result["chip_accuracy"], result["chip_accuracy"]["ci95"]
    speech = "synthetic speech" if result["data"]["kind"] == "synthetic" else "recorded speech"
    within = "reached" if chip["mean"] >= result["iso_limit"] else "missed"
    age = result["time_since_programming_s"]
    interval = f"  (95 % interval {_percent(low)} to {_percent(high)})"
    rows = (
        ("Software accuracy", _percent(result["software_accuracy"])),
        ("Chip accuracy", _percent(chip["mean"]) + (interval if len(chip["per_chip"]) > 1 else "")),
        ("99 % iso-accuracy limit", f"{_percent(result['iso_limit'])}  ({within})"),
        ("A frame every", f"{result['frame_interval_ns']:,} ns = {steps_text(result)}"),
        ("Latency", f"{result['latency_ns']:,} ns to the last code, {result['digital_ns']:,} ns digital behind it"),
        ("Energy of a frame", f"{1e9 * result['frame_energy_j']:.4g} nJ ({result['energy_by']})"),
        ("Tiles", str(result["tiles"])),
        ("Analog yield (within 20 % of max)", _percent(result["analog_yield"])),
        ("Mean weight error (of max)", _percent(result["mean_weight_error"])),
        ("Age since programming", format_duration(age) if age else "as calibrated"),
    )
    title = f"Keyword spotting, {result['n_utterances']} words of {speech}, chips: {len(chip['per_chip'])}"
    console().print(facts(title, rows), "")
    layers = [
        (
            layer["name"],
            f"{layer['rows']} x {layer['columns']}",
            layer["encoding"],
            layer["tiles"],
            _percent(layer["mac_sigma"]),
            f"{layer['correlation']:.4f}",
        )
        for layer in result["layers"]
    ]
    names = ("Layer", "Rows x columns", "Encoding", "Tiles", "MAC error (σ, of full scale)", "Correlation")
    console().print(table(f"Matrix products against software ({speech})", names, layers))


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
