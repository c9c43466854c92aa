"""Time of mapping, placement and routing for both networks of the paper (goal: RNN-T under 60 s on two cores)."""

from __future__ import annotations

import time
from collections.abc import Mapping as Dict

import torch

from pcmesh.hardware import load_chip
from pcmesh.mapping import LayerOptions, map_network
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.placement import place
from pcmesh.routing import route, wire_use
from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.compiled.graph import rnnt_graph
from pcmesh.workloads.rnnt.on_chip.recipe import paper_options

KWS_SIZES = (1024, 512, 512, 12)


def kws_graph() -> LayerGraph:
    """Return the shapes of the keyword network; the compiler does not look at the weights."""
    names = ("input", "hidden0", "hidden1", "scores")
    activations = ("relu", "relu", "linear")
    return LayerGraph(
        "kws",
        tuple(Vector(name=n, size=s, signed=n in ("input", "scores")) for n, s in zip(names, KWS_SIZES, strict=True)),
        tuple(
            AnalogLayer(name=f"fc{i}", input=names[i], output=names[i + 1], activation=activation)
            for i, activation in enumerate(activations)
        ),
        (),
        {f"fc{i}": torch.zeros(KWS_SIZES[i], KWS_SIZES[i + 1]) for i in range(3)},
    )


def measure(graph: LayerGraph, options: Dict[str, LayerOptions] | None) -> None:
    chip = load_chip()
    times = [time.perf_counter()]
    mapping = map_network(graph, chip, options)
    times.append(time.perf_counter())
    placement = place(mapping, chip)
    times.append(time.perf_counter())
    routing = route(mapping, placement, graph, chip)
    times.append(time.perf_counter())
    stages = ", ".join(
        f"{name} {stop - start:.2f} s"
        for name, start, stop in zip(("mapping", "placement", "routing"), times, times[1:], strict=False)
    )
    print(
        f"{graph.name}: {len(mapping.tiles)} tiles on {placement.chips} chips, {times[-1] - times[0]:.2f} s ({stages})"
    )
    for schedule in routing.chips:
        hops = [use.hops for use in wire_use(schedule, chip)]
        print(f"  chip {schedule.chip}: {len(schedule.steps)} steps, one every {schedule.interval_steps}; hops {hops}")


def main() -> None:
    widths = RnntWidths()
    measure(kws_graph(), None)
    measure(rnnt_graph(widths), paper_options(widths, load_chip()))


if __name__ == "__main__":
    main()
