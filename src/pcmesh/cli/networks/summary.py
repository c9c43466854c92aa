"""`pcmesh summary`: what of a network is analog, and what it takes."""

from __future__ import annotations

from pathlib import Path

from pcmesh.cli.networks import options
from pcmesh.cli.networks.asked import AskedNetwork
from pcmesh.cli.output import console, write_result
from pcmesh.cli.tables import show_overview


def summary(
    network: options.Network,
    chip: options.Chip = None,
    time: options.Time = "0s",
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
    """Say what of a network is analog, what is digital and why, and what it takes.

    Type first: [bold]pcmesh summary kws[/bold], or of your own:
    [bold]pcmesh summary model.py:make_model --example 'torch.randn(8, 64)'[/bold]
    """
    folder = Path(network)
    if folder.is_dir() and not _is_programmed(folder):
        _routed_layers(folder, json)
        return
    asked = AskedNetwork(
        network=network,
        chip=chip,
        time=time,
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
    model = asked.model
    console().print(model.summary(), markup=False, soft_wrap=True)
    write_result(model.figures(), json, None)


def _is_programmed(folder: Path) -> bool:
    from pcmesh.deployed.store.folder import is_programmed

    return is_programmed(folder)


def _routed_layers(folder: Path, json: Path | None) -> None:
    """Say what there is to say of layers that no chip is programmed with."""
    from pcmesh.compiled import load_compiled

    show_overview(load_compiled(folder), json)
