"""Hardware-aware training: `hardware_aware(model)` gives a module to train as usual; compile `model` afterwards."""

from pcmesh.training.config import NoiseConfig
from pcmesh.training.wrapper import HardwareAware, hardware_aware

__all__ = ["HardwareAware", "NoiseConfig", "hardware_aware"]
