"""Device laws: how memory devices are programmed, drift and fluctuate, one file a kind of device."""

from pcmesh.devices.choice import law_of
from pcmesh.devices.law import DeviceLaw, Programmed, Retention
from pcmesh.devices.table import TableLaw

__all__ = ["DeviceLaw", "Programmed", "Retention", "TableLaw", "law_of"]
