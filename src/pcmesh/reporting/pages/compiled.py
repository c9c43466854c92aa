"""The report of a compiled network: what lies where, which wires carry what when."""

from __future__ import annotations

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Mapping
from pcmesh.placement import Placement
from pcmesh.reporting.drawings.floorplan import floorplan
from pcmesh.reporting.drawings.routes import routes
from pcmesh.reporting.drawings.timeline import timeline
from pcmesh.reporting.pages.html import render
from pcmesh.routing import Routing


def compiled_pictures(chip: ChipSpec, mapping: Mapping, placement: Placement, routing: Routing) -> dict[str, str]:
    """Return title -> inline SVG: for every chip its floorplan, the time diagram of a frame and its routes."""
    pictures: dict[str, str] = {}
    for schedule in routing.chips:
        name = f"Chip {schedule.chip + 1}"
        pictures[f"{name}: floorplan; a dark bar joins two tiles that share their capacitors"] = floorplan(
            chip, mapping, placement, schedule.chip
        )
        pictures[f"{name}: time diagram of a frame"] = timeline(chip, mapping, schedule)
        pictures[
            f"{name}: routes of each time step; squares are borderguards that let a vector pass, dots sources, "
            "arrow heads listeners, filled tiles integrate"
        ] = routes(chip, mapping, placement, schedule)
    return pictures


def render_compiled(chip: ChipSpec, mapping: Mapping, placement: Placement, routing: Routing) -> str:
    """Return the self-contained HTML report of a compiled network."""
    chip_of = {tile.index: placement.places[tile.index].chip for tile in mapping.tiles}
    layers = [
        (
            layer,
            [tile.index for tile in mapping.tiles if tile.wp1.layer == layer.layer],
            sorted({chip_of[tile.index] + 1 for tile in mapping.tiles if tile.wp1.layer == layer.layer}),
        )
        for layer in mapping.layers
    ]
    return render(
        "compiled.html.j2",
        chip=chip,
        mapping=mapping,
        placement=placement,
        layers=layers,
        schedules=routing.chips,
        used=[sum(1 for place in placement.places if place.chip == s.chip) for s in routing.chips],
        pictures=compiled_pictures(chip, mapping, placement, routing),
    )
