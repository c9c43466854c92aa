"""The errors that pcmesh raises: each names the thing, the limit and the remedy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class PcmeshError(Exception):
    """Base of every error a user can cause; the command line prints it as one line and exits with 2.

    `problem` says what is wrong and where (with the offending value and the limit), `remedy` what to do.
    """

    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}" if self.remedy else self.problem


class InputError(PcmeshError):
    """A file, folder, recording or argument that cannot be used."""


class ConfigurationError(PcmeshError):
    """A chip description or an option that contradicts itself or the hardware."""


class CapacityError(PcmeshError):
    """A network needs more of something (tiles, rows, wires, landing pads, SRAM words) than the chip has."""


class UnsupportedModelError(PcmeshError):
    """A network contains something that cannot be compiled."""


class VerificationError(PcmeshError):
    """An artefact of the compiler breaks one of its own rules: a defect of pcmesh or an edited artefact."""


class HardwareError(PcmeshError):
    """The clocked chip refused an action: two drivers on a wire, an unconfigured wire, an overrun."""


class Notice(UserWarning):
    """Something that a user should know although the work goes on; the command line prints it as one line."""


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory is short: Python's, NumPy's or PyTorch's."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error)
