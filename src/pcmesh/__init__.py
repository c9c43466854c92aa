"""pcmesh: compiler and digital twin of the 14-nm analog-AI chip (Ambrogio et al., Nature 620, 768, 2023).

Everything that is public is named here; what modules below hold may change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pcmesh import errors as errors
    from pcmesh import lowering as lowering
    from pcmesh import training as training
    from pcmesh.analysis.best_mapping import best_mapping as best_mapping
    from pcmesh.analysis.candidates import candidates as candidates
    from pcmesh.analysis.choose import apply as apply
    from pcmesh.analysis.choose import choose as choose
    from pcmesh.analysis.evaluate import evaluate as evaluate
    from pcmesh.analysis.network_sensitivity import network_sensitivity as sensitivity
    from pcmesh.chip import ChipSpec as ChipSpec
    from pcmesh.chip import load_chip as load_chip
    from pcmesh.chip_model import ChipModel as ChipModel
    from pcmesh.chip_model import compile_model as compile
    from pcmesh.chip_model import load_model as load
    from pcmesh.mapping import Encoding as Encoding
    from pcmesh.mapping import LayerOptions as LayerOptions
    from pcmesh.training import HardwareAware as HardwareAware
    from pcmesh.training import NoiseConfig as NoiseConfig
    from pcmesh.training import hardware_aware as hardware_aware

from pcmesh.version import __version__

_PUBLIC: Final = {
    "ChipModel": ("pcmesh.chip_model", "ChipModel"),
    "ChipSpec": ("pcmesh.chip", "ChipSpec"),
    "Encoding": ("pcmesh.mapping", "Encoding"),
    "HardwareAware": ("pcmesh.training", "HardwareAware"),
    "LayerOptions": ("pcmesh.mapping", "LayerOptions"),
    "NoiseConfig": ("pcmesh.training", "NoiseConfig"),
    "apply": ("pcmesh.analysis.choose", "apply"),
    "best_mapping": ("pcmesh.analysis.best_mapping", "best_mapping"),
    "candidates": ("pcmesh.analysis.candidates", "candidates"),
    "choose": ("pcmesh.analysis.choose", "choose"),
    "compile": ("pcmesh.chip_model", "compile_model"),
    "errors": ("pcmesh.errors", None),
    "evaluate": ("pcmesh.analysis.evaluate", "evaluate"),
    "hardware_aware": ("pcmesh.training", "hardware_aware"),
    "load": ("pcmesh.chip_model", "load_model"),
    "load_chip": ("pcmesh.chip", "load_chip"),
    "lowering": ("pcmesh.lowering", None),
    "sensitivity": ("pcmesh.analysis.network_sensitivity", "network_sensitivity"),
    "training": ("pcmesh.training", None),
}
"""Public name -> module and attribute (None: the module itself), loaded when it is used: PyTorch takes seconds."""

__all__ = [
    "ChipModel",
    "ChipSpec",
    "Encoding",
    "HardwareAware",
    "LayerOptions",
    "NoiseConfig",
    "__version__",
    "apply",
    "best_mapping",
    "candidates",
    "choose",
    "compile",
    "errors",
    "evaluate",
    "hardware_aware",
    "load",
    "load_chip",
    "lowering",
    "sensitivity",
    "training",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'pcmesh' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    found = import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
