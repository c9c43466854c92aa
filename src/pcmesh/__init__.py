"""pcmesh: compiler and digital twin of the 14-nm analog-AI chip (Ambrogio et al., Nature 620, 768, 2023)."""

from importlib import import_module
from typing import Any, Final

__version__ = "0.1.0"

_LAZY: Final = {
    "compile": ("pcmesh.chip_model", "compile_model"),
    "load": ("pcmesh.chip_model", "load_model"),
    "ChipModel": ("pcmesh.chip_model", "ChipModel"),
}


def __getattr__(name: str) -> Any:
    """Load `compile` and `load` when they are used: they need PyTorch, which takes seconds to start."""
    if name == "training":
        return import_module("pcmesh.training")
    if name in _LAZY:
        module, attribute = _LAZY[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module 'pcmesh' has no attribute {name!r}")
