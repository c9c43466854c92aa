"""The RNN-T of MLPerf: from recordings to letters, in software and on five chips mapped as in the paper."""

from pcmesh.workloads.rnnt.widths import RnntWidths

__all__ = ["RnntWidths"]
