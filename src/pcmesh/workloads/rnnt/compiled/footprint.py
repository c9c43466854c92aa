"""What the RNN-T takes on the chips: tiles, devices, time steps; all of it from compiling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from typing import Any

import torch

from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.hardware import ChipSpec
from pcmesh.hardware.spec import DEVICES_PER_PAIR
from pcmesh.mapping import Mapping, TileImage
from pcmesh.performance import Plan
from pcmesh.performance import plan as make_plan
from pcmesh.placement import Placement
from pcmesh.routing import Routing
from pcmesh.workloads.rnnt.checkpoint_layout import published_shapes
from pcmesh.workloads.rnnt.compiled.graph import rnnt_graph
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.on_chip.recipe import paper_options
from pcmesh.workloads.rnnt.widths import RnntWidths


def plan_rnnt(
    network: RnntNetwork | RnntWidths, chip: ChipSpec, options: Dict[str, ProductOptions] | None = None
) -> Plan:
    """Map, place and route an RNN-T.

    Args:
        network: it, or its sizes where no number counts.
        chip: the chip.
        options: matrix by the paper's name -> how it is mapped; None: as the paper does.

    Raises:
        CapacityError: it does not fit; the message says what is short by how much.
        ConfigurationError: an expansion to fewer rows than features.
    """
    widths = network.widths if isinstance(network, RnntNetwork) else network
    options = paper_options(widths, chip) if options is None else options
    return make_plan(rnnt_graph(network, options, chip), chip, options)


def rnnt_footprint(widths: RnntWidths, chip: ChipSpec) -> dict[str, Any]:
    """Map, place and route an RNN-T as the paper does, and return what it takes; docs/rnnt.md describes the keys.

    Raises:
        CapacityError: it does not fit; the message says what is short by how much.
        ConfigurationError: an expansion to fewer rows than features.
    """
    found = plan_rnnt(widths, chip)
    mapping, placement, routing = found.mapping, found.placement, found.routing
    held = layer_weights(widths)
    chips = [_chip(number, mapping, placement, routing, chip, held) for number in range(placement.chips)]
    with torch.device("meta"):
        parameters = RnntNetwork(widths).parameters_total
    mapped = sum(held[layer.layer] for layer in mapping.layers)
    return {
        "chip": chip.name,
        "widths": widths.model_dump(),
        "chips": chips,
        "tiles_total": len(mapping.tiles),
        "pcms_total": mapping.devices,
        "weights_mapped": mapped,
        "parameters": parameters,
        "mapped_share": mapped / parameters,
        "pcms_per_weight": mapping.devices / mapped,
    }


def layer_weights(widths: RnntWidths) -> dict[str, int]:
    """Return the network's weights that each analog layer stands for, each counted once.

    Copies and expansion add none; Emb x Wx of Dec-LSTM0 counts as the embedding and Wx, as in the paper.
    """
    sizes = {key: shape.numel() for key, shape in published_shapes(widths).items()}
    lstms = [(f"enc-lstm{n}", f"encoder.pre_rnn.lstm.{{}}_l{n}") for n in range(2)]
    lstms += [(f"enc-lstm{n + 2}", f"encoder.post_rnn.lstm.{{}}_l{n}") for n in range(3)]
    lstms += [(f"dec-lstm{n}", f"prediction.dec_rnn.lstm.{{}}_l{n}") for n in range(2)]
    found = {"enc-fc": widths.encoder * widths.joint, "dec-fc": widths.prediction * widths.joint}
    for name, key in lstms:
        wx, wh = sizes[key.format("weight_ih")], sizes[key.format("weight_hh")]
        found |= {f"{name}-wx": wx, f"{name}-wh": wh, name: wx + wh}
    found["dec-lstm0"] += sizes["prediction.embed.weight"]
    return found


def _chip(
    number: int, mapping: Mapping, placement: Placement, routing: Routing, chip: ChipSpec, held: Dict[str, int]
) -> dict[str, Any]:
    schedule = routing.chips[number]
    here = [tile for tile, where in zip(mapping.tiles, placement.places, strict=True) if where.chip == number]
    layers = [_layer(name, here, mapping, held) for name in dict.fromkeys(tile.wp1.layer for tile in here)]
    return {
        "chip": number + 1,
        "tiles": len(here),
        "tiles_available": chip.tiles,
        "pcms": sum(layer["pcms"] for layer in layers),
        "weights": sum(layer["weights"] for layer in layers),
        "integration_phases": schedule.integration_steps,
        "output_slots": schedule.output_slots,
        "operation_ns": schedule.operation_ns(chip.timing),
        "layers": layers,
    }


def _layer(name: str, here: Sequence[TileImage], mapping: Mapping, held: Dict[str, int]) -> dict[str, Any]:
    """Return a layer's share on one chip; nearly always all of it."""
    found = mapping.layer(name)
    tiles = [tile for tile in here if tile.wp1.layer == name]
    pcms, everywhere = _pcms(tiles), _pcms(tile for tile in mapping.tiles if tile.wp1.layer == name)
    return {
        "name": name,
        "rows": found.rows,
        "columns": found.columns,
        "encoding": str(found.encoding),
        "tiles": len(tiles),
        "pcms": pcms,
        "weights": round(held[name] * pcms / everywhere),
        "why": found.why,
    }


def _pcms(tiles: Iterable[TileImage]) -> int:
    """Return the devices of tiles: two for each weight on a pair (G+, G- or g+, g-)."""
    blocks = [block for tile in tiles for block in (tile.wp1, tile.wp2) if block is not None]
    return DEVICES_PER_PAIR * sum(block.rows * block.columns for block in blocks)
