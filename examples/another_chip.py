"""Change the chip and see what follows: how many tiles and how much time a layer of 1,024 x 1,024 weights takes.

Smaller tiles need more of them; 2-PCM needs half as many as asymmetry balance, but no fewer time steps.
"""

import torch

from pcmesh.errors import CapacityError
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.pipeline import compile_network

SIZE = 1024


def with_tiles_of(size: int) -> ChipSpec:
    chip = load_chip("nature2023")
    tile = chip.tile.model_copy(update={"rows": size, "columns": size})
    return ChipSpec.model_validate(chip.model_copy(update={"tile": tile, "name": f"tiles of {size}"}).model_dump())


def main() -> list[str]:
    vectors = (Vector(name="x", size=SIZE), Vector(name="y", size=SIZE))
    layer = AnalogLayer(name="fc", input="x", output="y")
    graph = LayerGraph("one layer", vectors, (layer,), (), {"fc": torch.ones(SIZE, SIZE)})
    lines = []
    for size in (512, 256):
        for encoding in (Encoding.AB, Encoding.PCM2):
            chip = with_tiles_of(size)
            try:
                compiled = compile_network(graph, chip, {"fc": LayerOptions(encoding=encoding)})
            except CapacityError as error:
                lines.append(f"{chip.name}, {encoding}: {error}")
                continue
            steps = sum(len(schedule.steps) for schedule in compiled.routing.chips)
            lines.append(f"{chip.name}, {encoding}: {len(compiled.mapping.tiles)} tiles, {steps} steps")
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
