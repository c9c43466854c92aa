"""pcmesh: compiler and digital twin of the 14-nm analog-AI chip (Ambrogio et al., Nature 620, 768, 2023).

Everything that is public is named here; what modules below hold may change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pcmesh import errors, lowering, training
    from pcmesh.analysis.evaluate import evaluate as evaluate
    from pcmesh.analysis.front import front as front
    from pcmesh.analysis.mapping_choice.best_mapping import best_mapping as best_mapping
    from pcmesh.analysis.mapping_choice.candidates import candidates as candidates
    from pcmesh.analysis.mapping_choice.choose import apply as apply
    from pcmesh.analysis.mapping_choice.choose import choose as choose
    from pcmesh.analysis.sensitivity.network import network_sensitivity as sensitivity
    from pcmesh.analysis.task import Score as Score
    from pcmesh.analysis.task import Task as Task
    from pcmesh.analysis.workload import TaskOptions as TaskOptions
    from pcmesh.analysis.workload import Workload as Workload
    from pcmesh.deployed import ChipModel as ChipModel
    from pcmesh.deployed import compile_model as compile
    from pcmesh.deployed import load_model as load
    from pcmesh.hardware import ChipSpec as ChipSpec
    from pcmesh.hardware import load_chip as load_chip
    from pcmesh.mapping import Encoding as Encoding
    from pcmesh.mapping import LayerOptions as LayerOptions
    from pcmesh.training import HardwareAware as HardwareAware
    from pcmesh.training import NoiseConfig as NoiseConfig
    from pcmesh.training import hardware_aware as hardware_aware

from pcmesh.version import __version__

_PUBLIC: Final = {
    "ChipModel": ("pcmesh.deployed", "ChipModel"),
    "ChipSpec": ("pcmesh.hardware", "ChipSpec"),
    "Encoding": ("pcmesh.mapping", "Encoding"),
    "HardwareAware": ("pcmesh.training", "HardwareAware"),
    "LayerOptions": ("pcmesh.mapping", "LayerOptions"),
    "Score": ("pcmesh.analysis.task", "Score"),
    "NoiseConfig": ("pcmesh.training", "NoiseConfig"),
    "Task": ("pcmesh.analysis.task", "Task"),
    "TaskOptions": ("pcmesh.analysis.workload", "TaskOptions"),
    "Workload": ("pcmesh.analysis.workload", "Workload"),
    "apply": ("pcmesh.analysis.mapping_choice.choose", "apply"),
    "best_mapping": ("pcmesh.analysis.mapping_choice.best_mapping", "best_mapping"),
    "candidates": ("pcmesh.analysis.mapping_choice.candidates", "candidates"),
    "choose": ("pcmesh.analysis.mapping_choice.choose", "choose"),
    "compile": ("pcmesh.deployed", "compile_model"),
    "errors": ("pcmesh.errors", None),
    "evaluate": ("pcmesh.analysis.evaluate", "evaluate"),
    "front": ("pcmesh.analysis.front", "front"),
    "hardware_aware": ("pcmesh.training", "hardware_aware"),
    "load": ("pcmesh.deployed", "load_model"),
    "load_chip": ("pcmesh.hardware", "load_chip"),
    "lowering": ("pcmesh.lowering", None),
    "sensitivity": ("pcmesh.analysis.sensitivity.network", "network_sensitivity"),
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
    "Score",
    "Task",
    "TaskOptions",
    "Workload",
    "__version__",
    "apply",
    "best_mapping",
    "candidates",
    "choose",
    "compile",
    "errors",
    "evaluate",
    "front",
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
