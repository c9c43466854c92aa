"""Answers about a compiled network as plain data: chips, layers, time steps, tiles, single weights.

Tiles are named as people type them: `3.17` is tile 17 of chip 3, both from 1, tiles row by row from the north-west.
"""

from __future__ import annotations

from typing import Any

from pcmesh.compiled import CompiledNetwork
from pcmesh.errors import InputError
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Block, TileImage
from pcmesh.microcode import ControllerProgram
from pcmesh.placement import Place
from pcmesh.programming.targets import physical_columns
from pcmesh.reporting.drawings.words import phase_words
from pcmesh.routing.cost import wire_use


def tile_name(chip: ChipSpec, place: Place) -> str:
    """Return a tile's name, e.g. `3.17`."""
    return f"{place.chip + 1}.{chip.grid.number(place.site)}"


def find_place(compiled: CompiledNetwork, name: str) -> Place:
    """Return the place of a tile's name.

    Raises:
        InputError: the text is no name, or there is no such chip or tile.
    """
    chip, dot, tile = name.partition(".")
    if not (dot and chip.isdecimal() and tile.isdecimal()):
        raise InputError(f"'{name}' names no tile", "Write chip and tile, both from 1: 3.17")
    if not 1 <= int(chip) <= compiled.placement.chips:
        raise InputError(f"tile {name}: there is no chip {chip}", f"Chips 1 to {compiled.placement.chips} are in use")
    if not 1 <= int(tile) <= compiled.chip.tiles:
        raise InputError(f"tile {name}: a chip has no tile {tile}", f"Tiles 1 to {compiled.chip.tiles} exist")
    return Place(chip=int(chip) - 1, site=compiled.chip.grid.sites[int(tile) - 1])


def overview(compiled: CompiledNetwork) -> dict[str, Any]:
    """Return what the network needs: totals, and lists of chips, layers, time steps and tiles."""
    mapping, placement, chip = compiled.mapping, compiled.placement, compiled.chip
    return {
        "network": mapping.network,
        "chip": chip.name,
        "tiles": len(mapping.tiles),
        "pcm_devices": mapping.devices,
        "chips": [_chip_facts(compiled, index) for index in range(placement.chips)],
        "layers": [
            {
                "layer": layer.layer,
                "rows": layer.rows,
                "columns": layer.columns,
                "encoding": str(layer.encoding),
                "tiles": sum(tile.wp1.layer == layer.layer for tile in mapping.tiles),
                "groups": len(mapping.groups_of(layer.layer)),
                "why": layer.why,
            }
            for layer in mapping.layers
        ],
        "steps": [step for index in range(placement.chips) for step in _step_facts(compiled, index)],
        "blocks": [tile_facts(compiled, tile) for tile in mapping.tiles],
    }


def _chip_facts(compiled: CompiledNetwork, index: int) -> dict[str, Any]:
    schedule, program = compiled.routing.chips[index], compiled.microcode.chips[index]
    timing = compiled.chip.timing
    return {
        "chip": index + 1,
        "tiles": sum(place.chip == index for place in compiled.placement.places),
        "tiles_available": compiled.chip.tiles,
        "steps": len(schedule.steps),
        "integration_steps": schedule.integration_steps,
        "output_slots": schedule.output_slots,
        "time_ns": schedule.operation_ns(timing),
        "interval_ns": schedule.interval_ns(timing),
        "sram_words": max((len(found.words) for _, found in program.programs), default=0),
        "sram_words_available": compiled.chip.controller.sram_words,
    }


def _step_facts(compiled: CompiledNetwork, index: int) -> list[dict[str, Any]]:
    schedule = compiled.routing.chips[index]
    return [
        {
            "chip": index + 1,
            "step": number,
            "integrating_tiles": len(step.integrations),
            "vectors": use.vectors,
            "to_olps": sum(transfer.olp is not None for transfer in step.transfers),
            "borderguards": use.hops,
            "wires": use.wire_segments,
            "wires_available": use.wire_segments_available,
        }
        for number, (step, use) in enumerate(
            zip(schedule.steps, wire_use(schedule, compiled.chip), strict=True), start=1
        )
    ]


def tile_facts(compiled: CompiledNetwork, tile: TileImage) -> dict[str, Any]:
    """Return what one tile holds, when it integrates and with which tile it shares capacitors."""
    mapping, places = compiled.mapping, compiled.placement.places
    group = mapping.groups[tile.group]
    partner = next((other for other in group.tiles if other != tile.index), None)
    return {
        "tile": tile_name(compiled.chip, places[tile.index]),
        "site": list(places[tile.index].site),
        "layer": tile.wp1.layer,
        "encoding": str(tile.encoding),
        "wp1": _block_facts(tile.wp1),
        "wp2": None if tile.wp2 is None else _block_facts(tile.wp2),
        "lane": str(group.lane),
        "shares_capacitors_with": None if partner is None else tile_name(compiled.chip, places[partner]),
        "phases": [phase_words(phase) for phase in mapping.phases(tile)],
        "instructions": len(compiled.microcode.chips[places[tile.index].chip].tile(places[tile.index].site).words),
    }


def tile_at(compiled: CompiledNetwork, name: str) -> dict[str, Any]:
    """Return the facts of the tile with that name.

    Raises:
        InputError: no such tile, or it holds nothing.
    """
    place = find_place(compiled, name)
    if place not in compiled.placement.places:
        raise InputError(f"tile {name} holds nothing", "`pcmesh inspect DIR --tiles` lists the tiles in use")
    return tile_facts(compiled, compiled.mapping.tiles[compiled.placement.places.index(place)])


def weight_devices(compiled: CompiledNetwork, layer: str, row: int, column: int) -> list[dict[str, Any]]:
    """Return every pair of devices that holds a weight: tile, device pair, its row and column there, and the sign.

    Raises:
        InputError: no such layer, row or column.
    """
    names = [entry.layer for entry in compiled.mapping.layers]
    if layer not in names:
        raise InputError(f"no layer '{layer}'", f"Layers: {', '.join(names)}")
    mapped = compiled.mapping.layer(layer)
    for name, value, size in (("row", row, mapped.rows), ("column", column, mapped.columns)):
        if not 0 <= value < size:
            raise InputError(f"layer {layer} has no {name} {value}", f"Its {name}s are 0 to {size - 1}")
    found = []
    for tile in compiled.mapping.tiles:
        physical = physical_columns(compiled.mapping.groups[tile.group])
        for pair in (1, 2):
            block = tile.block(pair)
            if block is not None and block.layer == layer and _holds(block, row, column):
                found.append(
                    {
                        "tile": tile_name(compiled.chip, compiled.placement.places[tile.index]),
                        "pair": f"WP{pair}",
                        "devices": "G+, G-" if pair == 1 else "g+, g-",
                        "row": row - block.row_start,
                        "column": int(physical[column - block.column_start]),
                        "sign": block.sign,
                    }
                )
    return found


def _holds(block: Block, row: int, column: int) -> bool:
    return block.row_start <= row < block.row_stop and block.column_start <= column < block.column_stop


def _block_facts(block: Block) -> dict[str, Any]:
    return {
        "rows": [block.row_start, block.row_stop],
        "columns": [block.column_start, block.column_stop],
        "sign": block.sign,
    }


def controller_program(compiled: CompiledNetwork, tile: str | None, pad: str | None) -> tuple[str, ControllerProgram]:
    """Return the name and program of the controller at a tile (`3.17`) or landing pad (`1.ILP-NW`).

    Raises:
        InputError: neither or both are given, there is no such controller, or it has no program.
    """
    if (tile is None) == (pad is None):
        raise InputError("one controller is wanted", "Give --tile CHIP.TILE (3.17) or --pad CHIP.PAD (1.ILP-NW)")
    if tile is not None:
        place = find_place(compiled, tile)
        program = compiled.microcode.chips[place.chip].tile(place.site)
    else:
        program = _pad_program(compiled, str(pad))
    name = f"tile {tile}" if tile is not None else str(pad)
    if not program.words:
        raise InputError(f"{name} has no program: the network does not use it", "`pcmesh inspect DIR --tiles` helps")
    return name, program


def _pad_program(compiled: CompiledNetwork, name: str) -> ControllerProgram:
    chip, _, pad = name.partition(".")
    kind, _, domain = pad.partition("-")
    grid = compiled.chip.grid
    domains = [entry.domain for entry in (grid.ilps if kind == "ILP" else grid.olps)]
    if not chip.isdecimal() or kind not in ("ILP", "OLP") or domain not in domains:
        raise InputError(f"'{name}' names no landing pad", f"Write e.g. 1.ILP-{domains[0]}; pads: {', '.join(domains)}")
    if not 1 <= int(chip) <= compiled.placement.chips:
        raise InputError(f"{name}: there is no chip {chip}", f"Chips 1 to {compiled.placement.chips} are in use")
    found = compiled.microcode.chips[int(chip) - 1]
    programs = {entry.pad: entry.program for entry in (found.ilps if kind == "ILP" else found.olps)}
    return programs.get(domains.index(domain), ControllerProgram(words=()))
