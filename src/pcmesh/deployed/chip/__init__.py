"""What stands on a chip: one programmed and calibrated instance of a network."""

from pcmesh.deployed.chip.bring_up import CalibrationKind, bring_up, calibrate, program_nominal
from pcmesh.deployed.chip.chip import Chip

__all__ = ["CalibrationKind", "Chip", "bring_up", "calibrate", "program_nominal"]
