"""The keyword network compiled by hand: mapping, placement and routes that the reports draw."""

from __future__ import annotations

import torch

from pcmesh.hardware import Site, load_chip
from pcmesh.mapping import Mapping, Phase, integration_phases, map_network
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.placement import Place, Placement
from pcmesh.routing import ChipSchedule, GroupReadout, Hop, Integration, Operand, Routing, Side, Step, Transfer

CHIP = load_chip()
SITES = (Site(2, 0), Site(3, 0), Site(4, 1), Site(5, 2))
SIZES = (1024, 512, 512, 12)
N, S, W, E = Side.NORTH, Side.SOUTH, Side.WEST, Side.EAST


def keyword_mapping() -> Mapping:
    names = ("features", "hidden0", "hidden1", "logits")
    vectors = tuple(
        Vector(name=name, size=size, signed=name in ("features", "logits"))
        for name, size in zip(names, SIZES, strict=True)
    )
    layers = tuple(
        AnalogLayer(name=f"layer{i}", input=names[i], output=names[i + 1], activation="relu" if i < 2 else "linear")
        for i in range(3)
    )
    weights = {f"layer{i}": torch.zeros(SIZES[i], SIZES[i + 1]) for i in range(3)}
    graph = LayerGraph(name="kws", vectors=vectors, layers=layers, digital=(), weights=weights)
    return map_network(graph, CHIP)


def keyword_compiled() -> tuple[Mapping, Placement, Routing]:
    mapping = keyword_mapping()
    placement = Placement(places=tuple(Place(chip=0, site=site) for site in SITES))
    placement.verify(mapping, CHIP)
    first, later = (integration_phases(mapping.layers[0].encoding, signed) for signed in (True, False))
    steps = [_from_pads(phase) for phase in first]
    steps += [_hand_over(0, 2, _hops((4, 0, N, E)), phase) for phase in later]
    steps += [_hand_over(1, 3, _hops((5, 1, N, E)), phase) for phase in later]
    out = Transfer(group=2, hops=_hops((5, 2, S, W), (5, 1, E, W), (5, 0, E, W)), olp=4)
    steps.append(Step(transfers=(out,), readouts=(GroupReadout(group=2, site=SITES[3], activation="linear"),)))
    return mapping, placement, Routing(chips=(ChipSchedule(chip=0, steps=tuple(steps), interval_steps=8),))


def _from_pads(phase: Phase) -> Step:
    north = Transfer(
        ilp=2, operand=Operand(vector="features", start=0, stop=512, part=phase.part), hops=(), rows_of=(SITES[0],)
    )
    south = Transfer(
        ilp=4,
        operand=Operand(vector="features", start=512, stop=1024, part=phase.part),
        hops=_hops((4, 0, W, N), (3, 0, S, W)),
        rows_of=(SITES[1],),
    )
    integrations = tuple(Integration(tile=tile, site=SITES[tile], phase=phase) for tile in (0, 1))
    return Step(transfers=(north, south), integrations=integrations)


def _hand_over(group: int, tile: int, hops: tuple[Hop, ...], phase: Phase) -> Step:
    return Step(
        transfers=(Transfer(group=group, hops=hops, rows_of=(SITES[tile],)),),
        integrations=(Integration(tile=tile, site=SITES[tile], phase=phase),),
        readouts=(GroupReadout(group=group, site=SITES[tile - 1], activation="relu"),),
    )


def _hops(*passes: tuple[int, int, Side, Side]) -> tuple[Hop, ...]:
    return tuple(
        Hop(site=Site(row, column), side=side, direction=direction)
        for row, column, into, out_of in passes
        for side, direction in ((into, "in"), (out_of, "out"))
    )
