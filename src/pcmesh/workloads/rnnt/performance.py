"""The RNN-T's time on five chips: a set of recordings, with and without weight expansion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pcmesh.chip import ChipSpec
from pcmesh.evaluation.performance import Compiled, DataSet, Plan, Run, TimeOptions, run_time
from pcmesh.workloads.rnnt.footprint import layer_weights, plan_rnnt
from pcmesh.workloads.rnnt.widths import RnntWidths

EXPANDED_ROWS = 1024
LETTER_INPUT = "token"
"""The vector that comes once per letter."""

Progress = Callable[[str, int, int], None]


def rnnt_plans(widths: RnntWidths, expand: int, chip: ChipSpec, progress: Progress) -> dict[str, Plan]:
    """Map, place and route both variants: `nominal` (copies of the features' rows) and `expanded`."""
    variants = {
        "nominal": widths.model_copy(update={"expand": None}),
        "expanded": widths.model_copy(update={"expand": expand}),
    }
    found = {}
    for done, (name, sizes) in enumerate(variants.items()):
        progress("placing and routing", done, len(variants))
        found[name] = plan_rnnt(sizes, chip)
    progress("placing and routing", len(variants), len(variants))
    return found


def time_rnnt(compiled: Compiled, widths: RnntWidths, data: DataSet, options: TimeOptions) -> Run:
    """Simulate a data set on a mapped RNN-T; operations count each weight of the network once."""
    return run_time(compiled, data, replace(options, events=LETTER_INPUT, held=layer_weights(widths)))
