"""Hardware-aware training: `hardware_aware(model)` gives a module to train as usual; compile `model` afterwards."""

from pcmesh.training.wrapper import HardwareAware, NoiseConfig, hardware_aware

__all__ = ["HardwareAware", "NoiseConfig", "hardware_aware"]
