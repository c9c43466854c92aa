"""An exported network as data: JSON and tensors, checked before PyTorch sees them, with nothing that runs."""

from pcmesh.deployed.store.graph.values import pack, unpack
from pcmesh.deployed.store.graph.write import read_program, write_program

__all__ = ["pack", "read_program", "unpack", "write_program"]
