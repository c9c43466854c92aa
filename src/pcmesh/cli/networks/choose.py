"""`pcmesh choose`: the mapping that loses least, or takes the fewest tiles, within limits."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pcmesh.cli.networks import options
from pcmesh.cli.networks.asked import AskedNetwork
from pcmesh.cli.output import console, facts, progress, table, write_result
from pcmesh.cli.paths import finite

if TYPE_CHECKING:
    from pcmesh.analysis.mapping_choice.best_mapping import BestMapping


class Least(StrEnum):
    """What shall be least."""

    LOSS = "loss"
    TILES = "tiles"
    ENERGY = "energy"
    TIME = "time"


class LossOf(StrEnum):
    """What a loss is."""

    OUTPUTS = "outputs"
    DECISIONS = "decisions"


_QUANTITY = {Least.LOSS: "loss", Least.TILES: "tiles", Least.ENERGY: "energy_j", Least.TIME: "steps"}


def choose(
    network: options.Network,
    tiles: Annotated[int | None, typer.Option(min=0, metavar="N", help="At most so many tiles.")] = None,
    max_loss: Annotated[
        float | None, typer.Option(callback=finite, min=0, metavar="LOSS", help="At most this loss.")
    ] = None,
    max_energy: Annotated[
        float | None, typer.Option(callback=finite, min=0, metavar="NJ", help="At most so many nJ a sample.")
    ] = None,
    max_steps: Annotated[
        float | None,
        typer.Option(callback=finite, min=0, metavar="N", help="At most so many steps of 300 ns a sample."),
    ] = None,
    digital_layers: Annotated[int, typer.Option(min=0, metavar="N", help="So many layers may stay digital.")] = 0,
    least: Annotated[Least, typer.Option(help="What shall be least within these limits.")] = Least.LOSS,
    pin: Annotated[
        list[str] | None, typer.Option(metavar="LAYER=WAY", help="Leave this to me: fc1=AB,copies=4. Repeatable.")
    ] = None,
    loss: Annotated[
        LossOf, typer.Option(help="Power of the outputs' error, or divergence of the classes' probabilities.")
    ] = LossOf.OUTPUTS,
    chips: options.Chips = 3,
    data: options.Data = None,
    samples: options.Samples = None,
    chip: options.Chip = None,
    calibration: options.Calibration = None,
    seed: options.Seed = None,
    time: options.Time = "0s",
    encoding: options.Coding = None,
    layer: options.Layer = None,
    max_chips: options.MaxChips = None,
    hand_over: options.Hand = None,
    weights: options.Weights = None,
    example: options.Example = None,
    batch_dim: options.BatchDim = "0",
    code: options.Code = None,
    out: options.Out = None,
    force: options.Force = False,
    json: options.Json = None,
) -> None:
    """Choose how each layer of your network is mapped, and say why.

    Ways: 2-PCM (twice the weights a tile), 4-PCM, AB (asymmetry balance); for layers with few inputs also copies of the
    rows ([bold]AB,copies=4[/bold]) and weight expansion ([bold]AB,expand=1024[/bold]); digital, where you allow it. The
    loss of each layer in each way is measured with that layer alone on simulated chips; a solver (CP-SAT) takes the
    best combination, which is then measured as a whole.

    Type first: [bold]pcmesh choose kws --samples 120 --chips 1[/bold], or of your own:
    [bold]pcmesh choose model.py:make_model --example 'torch.randn(64, 784)' --tiles 4 -o my_chip[/bold]

    Then ask: [bold]--least tiles --max-loss 0.01[/bold] for the fewest tiles that lose at most 1 % of the outputs'
    power, [bold]--least energy[/bold], [bold]--pin fc1=digital --digital-layers 1[/bold].
    """
    from pcmesh.analysis.mapping_choice.best_mapping import best_mapping
    from pcmesh.analysis.mapping_choice.choose import Limits
    from pcmesh.deployed.choices.options import read_pins
    from pcmesh.files.folders import check_place

    energy_j = None if max_energy is None else max_energy * 1e-9
    limits = Limits(tiles=tiles, loss=max_loss, energy_j=energy_j, steps=max_steps, digital_layers=digital_layers)
    if out is not None:
        check_place(out, force)
    asked = AskedNetwork(
        network=network,
        data=data,
        samples=samples,
        chip=chip,
        calibration=calibration,
        seed=seed,
        time=time,
        encoding=encoding,
        layers=layer or [],
        max_chips=max_chips,
        hand_over=hand_over,
        weights=weights,
        example=example,
        batch_dim=batch_dim,
        code=code,
    )
    pins = read_pins(pin or [])
    model = asked.model
    with progress() as report:
        found = best_mapping(
            model,
            asked.task_to_compare(),
            limits,
            least=_QUANTITY[least],  # type: ignore[arg-type]
            pins=pins,
            judge=loss.value,
            chips=chips,
            report=report,
        )
    _show(found)
    write_result(found.as_json(), json, None)
    if out is not None:
        asked.mapped(found.choice.layers).save(out, force=force)
        console().print(f"Written: {out} (look: pcmesh summary {out})")


def _show(found: BestMapping) -> None:
    from pcmesh.analysis.mapping_choice.choose import shown

    choice = found.choice
    rows = [
        (name, way.way, way.tiles, shown(way.energy_j, "energy_j"), shown(way.loss, "loss"), choice.why[name])
        for name, way in choice.ways.items()
    ]
    head = ("Layer", "Mapped as", "Tiles", "Energy", "Loss alone", "Why")
    console().print(table("The choice", head, rows))
    what = "of the outputs' power" if found.judge == "outputs" else "nats for each decision"
    whole = [
        ("Tiles", str(choice.tiles)),
        (
            "Steps of 300 ns, energy a sample",
            f"{choice.total('steps'):g}, {shown(choice.total('energy_j'), 'energy_j')}",
        ),
        ("Loss, layers alone added up", f"{choice.predicted_loss:.2g} {what}"),
        ("Loss, measured as a whole", f"{found.loss:.2g} (mean of {len(found.losses)} chip instances)"),
    ]
    console().print(facts("As a whole", whole))
