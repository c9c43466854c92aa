"""Passes from a network to a network that compute the same, for `pcmesh.compile(lowering=...)`."""

from pcmesh.lowering.centre_inputs import CentreInputs
from pcmesh.lowering.collapse_embedding import CollapseEmbedding
from pcmesh.lowering.join_recurrent import JoinRecurrent
from pcmesh.lowering.passes import Pass, lowered, passed, prepared

__all__ = ["CentreInputs", "CollapseEmbedding", "JoinRecurrent", "Pass", "lowered", "passed", "prepared"]
