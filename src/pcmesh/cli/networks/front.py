"""`pcmesh front`: mappings of a network by tiles, energy and errors."""

from __future__ import annotations

from pcmesh.cli.networks import options
from pcmesh.cli.networks.asked import AskedNetwork
from pcmesh.cli.output import console, progress, table, write_result


def front(
    network: options.Network,
    data: options.Data = None,
    samples: options.Samples = None,
    chips: options.Chips = 3,
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
    json: options.Json = None,
) -> None:
    """Measure mappings of a network by tiles, energy and errors: which of them does no other beat?

    Measured are its own mapping, every encoding throughout, and the solver's choice on so many tiles.

    Type first: [bold]pcmesh front kws --hand-over off --samples 120 --chips 1[/bold]
    """
    from pcmesh.analysis.front import front as measured
    from pcmesh.analysis.front import on_front

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
    task = asked.needed_task()
    model = asked.model
    with progress() as report:
        points = measured(model, task, chips=chips, report=report)
    rows = [
        (
            point.name,
            point.tiles,
            f"{1e9 * point.energy_j:.4g} nJ",
            f"{point.error:.2%}",
            "yes" if on_front(point, points) else "",
            "; ".join(point.marks),
        )
        for point in points
    ]
    head = ("Mapping", "Tiles", "Energy a sample", "Errors", "Front", "Chosen for")
    console().print(table(f"{network}: mappings on {chips} chips, {task.data}", head, rows))
    result = {"network": network, "chips": chips, "points": [point.as_json(points) for point in points]}
    write_result(result, json, None)
