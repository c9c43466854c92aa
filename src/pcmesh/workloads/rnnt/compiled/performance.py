"""The RNN-T's time on five chips: a set of recordings, with and without weight expansion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.hardware import ChipSpec
from pcmesh.performance import Compiled, DataSet, Plan, TimedRun, TimeOptions, run_time
from pcmesh.progress import Progress
from pcmesh.workloads.rnnt.compiled.footprint import layer_weights, plan_rnnt
from pcmesh.workloads.rnnt.on_chip.recipe import paper_options
from pcmesh.workloads.rnnt.widths import RnntWidths

EXPANDED_ROWS = 1024
LETTER_INPUT = "token"
"""The vector that comes once per letter."""

Remap = Callable[[Mapping[str, ProductOptions]], dict[str, ProductOptions]]


def rnnt_plans(
    widths: RnntWidths, expand: int, chip: ChipSpec, progress: Progress, mapped: Remap = dict
) -> dict[str, Plan]:
    """Map, place and route both variants: `nominal` (copies of the features' rows) and `expanded`.

    Args:
        widths: sizes of the network.
        expand: rows of the expanded variant.
        chip: the chip.
        progress: is told what is done.
        mapped: changes the paper's mapping options.
    """
    variants = {
        "nominal": widths.model_copy(update={"expand": None}),
        "expanded": widths.model_copy(update={"expand": expand}),
    }
    found = {}
    for done, (name, sizes) in enumerate(variants.items()):
        progress("placing and routing", done, len(variants))
        found[name] = plan_rnnt(sizes, chip, mapped(paper_options(sizes, chip)))
    progress("placing and routing", len(variants), len(variants))
    return found


def time_rnnt(compiled: Compiled, widths: RnntWidths, data: DataSet, options: TimeOptions) -> TimedRun:
    """Simulate a data set on a mapped RNN-T; operations count each weight of the network once."""
    return run_time(compiled, data, replace(options, events=LETTER_INPUT, held=layer_weights(widths)))
