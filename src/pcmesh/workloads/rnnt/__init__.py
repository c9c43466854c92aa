"""The RNN-T of MLPerf: its graph at any width, and the paper's mapping."""

from pcmesh.workloads.rnnt.compiled.graph import expansion_matrix, random_weights, rnnt_graph
from pcmesh.workloads.rnnt.compiled.mapping import paper_options
from pcmesh.workloads.rnnt.widths import RnntWidths

__all__ = ["RnntWidths", "expansion_matrix", "paper_options", "random_weights", "rnnt_graph"]
