"""`pcmesh evaluate`: how a network does on chips, beside software; at several ages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pcmesh.cli.networks import options
from pcmesh.cli.networks.asked import AskedNetwork
from pcmesh.cli.output import console, progress, table, write_result
from pcmesh.durations import format_duration

if TYPE_CHECKING:
    from pcmesh.analysis.evaluate import AgePoint


def evaluate(
    network: options.Network,
    named_data: Annotated[str | None, typer.Argument(metavar="[DATA]", help="As --data.", show_default=False)] = None,
    data: options.Data = None,
    samples: options.Samples = None,
    time: options.Time = "0s",
    ages: Annotated[
        str | None,
        typer.Option(metavar="AGE,AGE", help="Several ages of the same chips, instead of --time: 0s,1h,1d,1w."),
    ] = None,
    recalibrate: Annotated[bool, typer.Option("--recalibrate", help="Fit the read-out anew at that age.")] = False,
    chips: options.Chips = 1,
    chip: options.Chip = None,
    calibration: options.Calibration = None,
    seed: options.Seed = None,
    encoding: options.Coding = None,
    layer: options.Layer = None,
    max_chips: options.MaxChips = None,
    hand_over: options.Hand = None,
    route: options.Route = False,
    weights: options.Weights = None,
    example: options.Example = None,
    batch_dim: options.BatchDim = "0",
    code: options.Code = None,
    json: options.Json = None,
) -> None:
    """Run a network on its task, in software and on chips.

    Type first: [bold]pcmesh evaluate kws --samples 120[/bold], or of your own:
    [bold]pcmesh evaluate model.py:make_model --data data.py:batches --chips 3[/bold]

    Then ask: [bold]--ages 0s,1d,1w[/bold] for what drift does.
    """
    asked = AskedNetwork(
        network=network,
        data=data or named_data,
        samples=samples,
        chip=chip,
        calibration=calibration,
        seed=seed,
        encoding=encoding,
        layers=layer or [],
        max_chips=max_chips,
        hand_over=hand_over,
        route=route,
        weights=weights,
        example=example,
        batch_dim=batch_dim,
        code=code,
    )
    from pcmesh.analysis.evaluate import evaluate_ages
    from pcmesh.durations import parse_duration

    times = [parse_duration(age.strip()) for age in (ages or time).split(",")]
    task = asked.needed_task()
    model = asked.model
    with progress() as report:
        found = evaluate_ages(model, task, times, chips=chips, recalibrate=recalibrate, report=report)
    first = found[0].chips[0]
    title = f"{network}: {first.samples:,} samples of {task.data}"
    if len(found) > 1:
        console().print(table(title, ("Age", f"{first.measure}, mean of chips", "each"), _by_age(found)))
    else:
        age = f", {format_duration(times[0])} after calibration" if times[0] else ""
        head = ("Chip", f"{first.measure} in software", "on the chip", "Same choice", "Error/spread")
        rows = [
            (
                n,
                f"{e.software:.2%}",
                f"{e.chip:.2%}",
                _shown(e.same_choice, ".2%"),
                _shown(e.error, ".3f"),
            )
            for n, e in enumerate(found[0].chips)
        ]
        console().print(table(title + age, head, rows))
    result = {
        "network": network,
        "time": times[0],
        "recalibrated": recalibrate,
        "seed": model.instance.seed,
        "chips": [e.as_json() for e in found[0].chips],
        "ages": [{"age_s": p.age_s, "mean": p.mean, "chips": [e.as_json() for e in p.chips]} for p in found],
    }
    write_result(result, json, None)


def _by_age(found: Sequence[AgePoint]) -> list[tuple[str, str, str]]:
    return [
        (
            format_duration(point.age_s) if point.age_s else "as calibrated",
            f"{point.mean:.2%}",
            ", ".join(f"{one.chip:.2%}" for one in point.chips),
        )
        for point in found
    ]


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
