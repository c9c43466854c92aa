"""An exported network as data: JSON and tensors, checked before PyTorch sees them, with nothing that runs."""

from pcmesh.chip_model.graph.values import pack, unpack
from pcmesh.chip_model.graph.write import read_program, write_program

__all__ = ["pack", "read_program", "unpack", "write_program"]
