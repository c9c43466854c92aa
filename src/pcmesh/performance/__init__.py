"""How long a network takes on the chips, and what it draws."""

from pcmesh.performance.operations import Operations
from pcmesh.performance.run import DataSet, Run, TimeOptions, run_time
from pcmesh.performance.stages import Compiled, Link, Pipeline, Plan, Stage, Unit, plan
from pcmesh.performance.transducer import DecoderMode, Spread, spread_letters

__all__ = [
    "Compiled",
    "DataSet",
    "DecoderMode",
    "Link",
    "Operations",
    "Pipeline",
    "Plan",
    "Run",
    "Spread",
    "Stage",
    "TimeOptions",
    "Unit",
    "plan",
    "run_time",
    "spread_letters",
]
