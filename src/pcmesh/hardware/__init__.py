"""What the hardware is: frozen specifications with units, presets as data, limits. No torch here."""

from pcmesh.hardware.grid import GridSpec, Pad, PadSpec, Site
from pcmesh.hardware.load import CHIPS, change_chip, check_chip, load_chip, preset_names
from pcmesh.hardware.periphery import ColumnSpec, ControllerSpec, DigitalSpec, MeshSpec, TimingSpec
from pcmesh.hardware.spec import ChipSpec, TileSpec
from pcmesh.hardware.storage import DEVICE_LAWS, PcmSpec, ProgrammingSpec

__all__ = [
    "CHIPS",
    "DEVICE_LAWS",
    "ChipSpec",
    "ColumnSpec",
    "ControllerSpec",
    "DigitalSpec",
    "GridSpec",
    "MeshSpec",
    "Pad",
    "PadSpec",
    "PcmSpec",
    "ProgrammingSpec",
    "Site",
    "TileSpec",
    "TimingSpec",
    "change_chip",
    "check_chip",
    "load_chip",
    "preset_names",
]
