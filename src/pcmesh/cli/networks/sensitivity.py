"""`pcmesh sensitivity`: which weights must be exact."""

from __future__ import annotations

from math import floor
from pathlib import Path
from typing import Annotated, Any

import typer

from pcmesh.cli.networks import options
from pcmesh.cli.networks.asked import AskedNetwork
from pcmesh.cli.output import console, facts, progress, table, write_report, write_result
from pcmesh.cli.paths import check_folder

Bits = Annotated[str, typer.Option(metavar="FROM:TO:STEP", help="Bits to try: from, to, step; fractions are welcome.")]


def sensitivity(
    network: options.Network,
    data: options.Data = None,
    samples: options.Samples = None,
    chips: Annotated[
        int, typer.Option(min=0, metavar="N", help="Chip instances whose precision is told; 0: of programming alone.")
    ] = 3,
    bits: Bits = "2:8:0.5",
    alone: Annotated[
        bool, typer.Option("--alone", help="Put each layer alone on these chips, too: which one loses most?")
    ] = False,
    chip: options.Chip = None,
    time: options.Time = "0s",
    calibration: options.Calibration = None,
    seed: options.Seed = None,
    encoding: options.Coding = None,
    layer: options.Layer = None,
    max_chips: options.MaxChips = None,
    hand_over: options.Hand = None,
    weights: options.Weights = None,
    example: options.Example = None,
    batch_dim: options.BatchDim = "0",
    code: options.Code = None,
    workers: options.Workers = 1,
    fresh: options.Fresh = False,
    json: options.Json = None,
    out: options.Out = None,
) -> None:
    """Quantise the weights of a network, or of one layer, more and more: what accuracy is left?

    Says for each layer how many bits keep 99 % of the accuracy, which layers to put in asymmetry balance, to expand or
    to keep digital, and how many bits a simulated chip is worth.

    Type first: [bold]pcmesh sensitivity kws[/bold], or of your own:
    [bold]pcmesh sensitivity model.py:make_model --data data.py:batches[/bold]

    With labels, [bold]accuracy[/bold] is told, and of speech [bold]word errors[/bold]; without, how often the choice is
    that of the network in float32 or, where it gives a single number, how much of its outputs' variance is kept.
    """
    from pcmesh.analysis.sensitivity.network import network_sensitivity

    folder = out or Path("runs") / f"sensitivity-{_folder_name(network)}"
    check_folder(folder)
    asked = AskedNetwork(
        network=network,
        data=data,
        samples=samples,
        chip=chip,
        time=time,
        calibration=calibration,
        seed=seed,
        encoding=encoding,
        layers=layer or [],
        max_chips=max_chips,
        hand_over=hand_over,
        weights=weights,
        example=example,
        batch_dim=batch_dim,
        code=code,
    )
    values, task = parse_bits(bits), asked.needed_task()
    model = asked.model
    with progress() as report:
        result = network_sensitivity(
            model,
            task,
            bits=values,
            chips=chips,
            alone=alone,
            workers=workers,
            folder=folder / "points",
            fresh=fresh,
            report=report,
        )
    result["data"] |= {"source": data}
    result["configuration"] |= {"network": network, "weights": None if weights is None else str(weights)}
    show(result, json, folder)


def _folder_name(network: str) -> str:
    """Return a workload's name, or `own`."""
    return network if network.isidentifier() else "own"


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
    from pcmesh.reporting.pages.sensitivity import metric_of, render_sensitivity, samples_text

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
    kept = f"{100 * result['kept']:.0f} % of the {metric_of(result).what}"
    title = f"Bits that keep {kept}, {samples_text(result)}"
    console().print(table(title, ("Quantised", "Weights", "Bits", "95 % interval", "Choice", "Why"), rows))
    console().print(facts("Network and chip", list(_facts(result))))
    written = write_result(result, json, out)
    written.append(write_report(render_sensitivity(result), out))
    console().print("Written: " + ", ".join(str(path) for path in written))


def _facts(result: dict[str, Any]) -> list[tuple[str, str]]:
    from pcmesh.reporting.pages.sensitivity import errors_counted, metric_of, unit_of

    errors = errors_counted(result)
    metric = metric_of(result).name

    def shown(accuracy: float) -> str:
        return f"{100 * (1 - accuracy if errors else accuracy):.2f} %"

    compared = result["metric"] not in ("agreement", "variance")  # those compare with float32 itself
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
