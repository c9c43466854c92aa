"""`pcmesh sensitivity`: which weights must be exact."""

from __future__ import annotations

from math import floor
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pcmesh.cli.output import console, facts, progress, table, write_report, write_result
from pcmesh.cli.paths import (
    check_folder,
    checkpoint_file,
    chip_name,
    finite,
    folder_target,
    input_file,
    input_folder,
    json_target,
)

OWN = "FILE.py:FUNCTION"


class _Networks(TyperGroup):
    """Networks by name; what names a file, a folder or a package's workload is the user's own."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        if ".py" in args[0] or Path(args[0]).is_dir() or self._is_workload(ctx, args[0]):
            return OWN, self.get_command(ctx, OWN), args
        return super().resolve_command(ctx, args)

    def _is_workload(self, ctx: typer.Context, name: str) -> bool:
        if self.get_command(ctx, name) is not None:
            return False
        from pcmesh.deployed.workload import workload_of

        return workload_of(name) is not None


sensitivity = typer.Typer(name="sensitivity", cls=_Networks, no_args_is_help=True, rich_markup_mode="rich")

Workers = Annotated[
    int, typer.Option(min=1, max=256, metavar="N", help="Processes; the figures are the same for any number.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Compute everything anew instead of going on with the last run.")]
Json = Annotated[
    Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write the result to this file too.")
]
Bits = Annotated[str, typer.Option(metavar="FROM:TO:STEP", help="Bits to try: from, to, step; fractions are welcome.")]
LONGEST_S = 15.0
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of everything random.")]


@sensitivity.callback()
def _about() -> None:
    """Quantise the weights of a network, or of one layer, more and more: what accuracy is left?

    Says for each layer how many bits keep 99 % of the accuracy, which layers to put in asymmetry balance, to expand or
    to keep digital, and how many bits a simulated chip is worth.
    """


@sensitivity.command("kws")
def kws(
    data: Annotated[
        Path | None,
        typer.Option(
            callback=input_folder, metavar="DIR", help="Folder of Speech Commands; without it, synthetic speech."
        ),
    ] = None,
    utterances: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take only so many words.")] = None,
    chips: Annotated[int, typer.Option(min=1, metavar="N", help="Chip instances whose precision is told.")] = 5,
    bits: Bits = "1.5:8:0.25",
    weights: Annotated[
        Path | None,
        typer.Option(callback=input_file, metavar="FILE", help="Weights (safetensors) instead of those that ship."),
    ] = None,
    chip: Annotated[
        str, typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file.")
    ] = "nature2023",
    seed: Seed = 0,
    workers: Workers = 1,
    fresh: Fresh = False,
    json: Json = None,
    out: Annotated[
        Path, typer.Option(callback=folder_target, metavar="DIR", help="Folder for result.json and report.html.")
    ] = Path("runs/sensitivity-kws"),
) -> None:
    """The keyword network: all layers, and each of the three alone."""
    from pcmesh.workloads.kws.prepare import KwsOptions
    from pcmesh.workloads.kws.sensitivity import kws_sensitivity

    check_folder(out)
    options = KwsOptions(data=data, utterances=utterances, chips=chips, weights=weights, chip=chip, seed=seed)
    with progress() as report:
        result = kws_sensitivity(options, report, parse_bits(bits), out / "points", fresh, workers)
    show(result, json, out)


@sensitivity.command("rnnt")
def rnnt(
    data: Annotated[
        Path | None,
        typer.Option(
            callback=input_folder,
            metavar="DIR",
            help="LibriSpeech's folders, or a folder with a tsv (path<TAB>text). Without: synthetic sentences.",
        ),
    ] = None,
    utterances: Annotated[int, typer.Option(min=1, metavar="N", help="Take the first N recordings.")] = 200,
    checkpoint: Annotated[
        Path | None,
        typer.Option(callback=checkpoint_file, metavar="FILE", help="Another network, MLPerf's format or safetensors."),
    ] = None,
    bits: Bits = "3:8:0.5",
    expansion_bits: Annotated[
        float,
        typer.Option(
            callback=finite, min=0.1, metavar="BITS", help="Bits of Enc-LSTM0 with weight expansion (paper: 3.5)."
        ),
    ] = 3.5,
    chip_run: Annotated[
        list[Path] | None,
        typer.Option(
            callback=input_file,
            metavar="FILE",
            help="Result of a chip run on the same recordings: its bits; with --each, its ranking.",
        ),
    ] = None,
    chip: Annotated[
        str, typer.Option(callback=chip_name, metavar="CHIP", help="The chip: a preset's name or a TOML file.")
    ] = "nature2023",
    workers: Workers = 1,
    fresh: Fresh = False,
    json: Json = None,
    out: Annotated[
        Path, typer.Option(callback=folder_target, metavar="DIR", help="Folder for result.json and report.html.")
    ] = Path("runs/sensitivity-rnnt"),
) -> None:
    """The RNN-T: all weights, encoder, decoder, each layer; and Enc-LSTM0 at 3.5 bits with weight expansion."""
    from contextlib import ExitStack

    from pcmesh.hardware import load_chip
    from pcmesh.workloads.rnnt.evaluate import choose_utterances
    from pcmesh.workloads.rnnt.held_out import synthetic_utterances
    from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network
    from pcmesh.workloads.rnnt.sensitivity import read_chip_runs, rnnt_sensitivity

    check_folder(out)
    network, spec, values = load_speech_network(checkpoint), load_chip(chip), parse_bits(bits)
    runs = read_chip_runs(chip_run or [])
    with ExitStack() as files, progress() as report:
        if data is None:
            chosen = files.enter_context(synthetic_utterances(utterances))
        else:
            chosen, _ = choose_utterances(data, None, LONGEST_S, utterances)
        kind = (
            {"kind": "synthetic", "source": "held-out sentences"}
            if data is None
            else {"kind": "real", "source": str(data)}
        )
        result = rnnt_sensitivity(
            network,
            chosen,
            kind,
            spec,
            report,
            bits=values,
            expansion_bits=expansion_bits,
            runs=runs,
            folder=out / "points",
            fresh=fresh,
            workers=workers,
        )
    show(result, json, out)


def parse_bits(text: str) -> tuple[float, ...]:
    """Return the numbers of `FROM:TO:STEP`, both ends included.

    Raises:
        InputError: it is no such text, or has no positive step.
    """
    from pcmesh.errors import InputError

    try:
        first, last, step = (float(part) for part in text.split(":"))
        count = floor((last - first) / step + 1e-9)
    except (ValueError, ZeroDivisionError, OverflowError):
        first, count, step = 0.0, -1, 0.0
    if count < 0 or first <= 0 or step <= 0 or count > 1000:
        raise InputError(f"--bits {text}: is no range", "Write FROM:TO:STEP with positive numbers, e.g. 2:8:0.5")
    return tuple(first + step * number for number in range(count + 1))


def show(result: dict[str, Any], json: Path | None, out: Path) -> None:
    """Print a result, write it and its report."""
    from pcmesh.reporting.pages.sensitivity import METRICS, render_sensitivity, samples_text

    choices = {entry["layer"]: entry for entry in result["advice"]}
    rows = [
        (
            curve["group"],
            f"{curve['weights']:,}",
            curve["threshold_text"],
            _interval(curve["threshold_ci95"]),
            *(choices[curve["group"]][key] if curve["group"] in choices else "-" for key in ("choice", "why")),
        )
        for curve in result["curves"]
    ]
    kept = f"{100 * result['kept']:.0f} % of the {METRICS[result['metric']].what}"
    title = f"Bits that keep {kept}, {samples_text(result)}"
    console().print(table(title, ("Quantised", "Weights", "Bits", "95 % interval", "Choice", "Why"), rows))
    console().print(facts("Network and chip", list(_facts(result))))
    for point in result.get("expansion", ()):
        name = f"{point['rows']:,} rows, " + ("expanded" if point["expanded"] else "as trained")
        console().print(f"Enc-LSTM0 at {point['bits']} bits, {name}: {100 * (1 - point['accuracy']):.2f} %")
    written = write_result(result, json, out)
    written.append(write_report(render_sensitivity(result), out))
    console().print("Written: " + ", ".join(str(path) for path in written))


def _facts(result: dict[str, Any]) -> list[tuple[str, str]]:
    from pcmesh.reporting.pages.sensitivity import METRICS, unit_of

    errors = result["metric"] == "wer"
    metric = METRICS[result["metric"]].name

    def shown(accuracy: float) -> str:
        return f"{100 * (1 - accuracy if errors else accuracy):.2f} %"

    compared = result["metric"] in ("accuracy", "wer")  # the others compare with float32 itself
    rows = [(f"{metric} in float32", shown(result["baseline"]))] if compared else []
    rows.append((f"{metric} at the limit", shown(result["limit"])))
    first = result["most_sensitive"]
    share = first["share_of_draws"]
    certainty = "" if share is None else f"  (in {100 * share:.0f} % of {unit_of(result)} drawn anew)"
    rows.append(("Most sensitive layers", ", ".join(first["layers"]) + certainty))
    found = result["effective_bits"]
    if found is not None:
        chips = found["accuracy_per_chip"]
        rows.append((f"{metric} of {len(chips)} chips", shown(sum(chips) / len(chips))))
        rows.append(("Effective precision of the chips", f"{_bits(found['mean'])}  ({_interval(found['interval'])})"))
    else:
        rows.append(("Bits that programming errors are worth", f"{result['chip_bits']['bits']:.2f}"))
    return rows + [_ranking(entry) for entry in result.get("chip_ranking", ())]


def _ranking(entry: dict[str, Any]) -> tuple[str, str]:
    """Return which layers lose most alone on a chip, and how many chips agree."""
    count = entry["chips"]
    agree, first = (round(count * entry[key]) for key in ("share_of_chips", "share_of_first"))
    text = f"{', '.join(entry['layers'])}  (on {agree} of {count} chips; the first on {first})"
    return f"Lose most alone on a chip, {entry['measure']}", text


def _bits(value: float) -> str:
    return (
        f"{value:.2f} bits" if abs(value) < float("inf") else f"beyond the curve ({'above' if value > 0 else 'below'})"
    )


def _interval(bounds: Any) -> str:
    if bounds is None:
        return "no interval"
    return " to ".join(
        f"{value:.1f}" if abs(value) < float("inf") else ("less" if value < 0 else "more") for value in bounds
    )
