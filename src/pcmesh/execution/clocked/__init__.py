"""The clocked engine: a chip that knows nothing of a network and executes microcode."""

from pcmesh.execution.clocked.activity import Activity
from pcmesh.execution.clocked.chip import ClockedChip, ClockedRun
from pcmesh.execution.clocked.trace import Trace

__all__ = ["Activity", "ClockedChip", "ClockedRun", "Trace"]
