"""Schedules -> programs of the local controllers and landing pads; assembler and disassembler."""

from pcmesh.microcode.generate import generate
from pcmesh.microcode.instruction import Instruction, decode, encode
from pcmesh.microcode.text import assemble, disassemble
from pcmesh.microcode.types import (
    PAD_VECTORS,
    ChipProgram,
    Collect,
    ControllerProgram,
    Load,
    Microcode,
    PadProgram,
    TileProgram,
)

__all__ = [
    "PAD_VECTORS",
    "ChipProgram",
    "Collect",
    "ControllerProgram",
    "Instruction",
    "Load",
    "Microcode",
    "PadProgram",
    "TileProgram",
    "assemble",
    "decode",
    "disassemble",
    "encode",
    "generate",
]
