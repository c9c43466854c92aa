"""Any PyTorch network on the chip: `pcmesh.compile` gives a module that is called like the network it was made of."""

from pcmesh.chip_model.compile import compile_model
from pcmesh.chip_model.model import ChipModel
from pcmesh.chip_model.store import load_model
from pcmesh.chip_model.workload import Workload

__all__ = ["ChipModel", "Workload", "compile_model", "load_model"]
