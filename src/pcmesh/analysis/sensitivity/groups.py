"""What is quantised together: the whole network, its blocks, each layer."""

from __future__ import annotations

from pcmesh.deployed.model import ChipModel

NETWORK = "network"


def layers_of(model: ChipModel) -> dict[str, tuple[str, ...]]:
    """Return the layers of a network: name -> matrices; groups of a convolution that fill several are one layer."""
    found: dict[str, tuple[str, ...]] = {}
    for product in model.program.products:
        name = product.name.split("[")[0]
        found[name] = (*found.get(name, ()), product.name)
    return found


def groups_of(layers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return what is quantised together: the whole network, blocks and modules of several layers, each layer."""
    blocks: dict[str, list[str]] = {}
    paths = {name: name.split(".") for name in layers}
    shared = _shared([path[:-1] for path in paths.values()])
    for name, path in paths.items():
        for depth in _depths(path, shared):
            blocks.setdefault(".".join(path[:depth]), []).append(name)
    several = {block: names for block, names in blocks.items() if 1 < len(names) < len(layers)}
    joined = {block: tuple(product for name in names for product in layers[name]) for block, names in several.items()}
    whole = {NETWORK: tuple(product for products in layers.values() for product in products)}
    return whole | joined | layers


def _shared(paths: list[list[str]]) -> int:
    """Return how many components all paths begin with."""
    length = 0
    while all(len(path) > length and path[length] == paths[0][length] for path in paths):
        length += 1
    return length


def _depths(path: list[str], shared: int) -> set[int]:
    """Return lengths of the names of a layer's blocks: at the top, one of a numbered list there, its own module."""
    found = {shared + 1, len(path) - 1}
    if len(path) > shared + 2 and path[shared + 1].isdigit():
        found.add(shared + 2)
    return {depth for depth in found if shared < depth < len(path)}
