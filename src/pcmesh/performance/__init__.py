"""How long a network takes on the chips, and what it draws."""

from pcmesh.performance.operations import Operations
from pcmesh.performance.run import DataSet, TimedRun, TimeOptions, run_time
from pcmesh.performance.stages import ChipUnit, Compiled, Link, Pipeline, Plan, Stage, plan
from pcmesh.performance.transducer import DecoderMode, Spread, spread_letters

__all__ = [
    "ChipUnit",
    "Compiled",
    "DataSet",
    "DecoderMode",
    "Link",
    "Operations",
    "Pipeline",
    "Plan",
    "Spread",
    "Stage",
    "TimeOptions",
    "TimedRun",
    "plan",
    "run_time",
    "spread_letters",
]
