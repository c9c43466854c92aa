"""Any PyTorch network on the chip: `pcmesh.compile` gives a module that is called like the network it was made of."""

from pcmesh.deployed.compile import compile_model
from pcmesh.deployed.model import ChipModel, load_model

__all__ = ["ChipModel", "compile_model", "load_model"]
