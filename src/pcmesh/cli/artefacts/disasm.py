"""`pcmesh disasm` and `pcmesh asm`: the controllers' programs as text and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcmesh.cli.artefacts.inspect import Folder
from pcmesh.cli.output import write_result
from pcmesh.cli.paths import file_target, input_file, json_target


def disasm(
    folder: Folder,
    tile: Annotated[str | None, typer.Option(metavar="CHIP.TILE", help="A tile's controller, e.g. 3.17.")] = None,
    pad: Annotated[str | None, typer.Option(metavar="CHIP.PAD", help="A landing pad's, e.g. 1.ILP-NW.")] = None,
    hexadecimal: Annotated[bool, typer.Option("--hex", help="Words in hexadecimal, one a line.")] = False,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write text and words to this file.")
    ] = None,
) -> None:
    """Print the program of a tile's local controller or of a landing pad."""
    from pcmesh.compiled import load_compiled
    from pcmesh.microcode import disassemble
    from pcmesh.reporting.inspection import controller_program

    name, program = controller_program(load_compiled(folder), tile, pad)
    text = "".join(f"{word}\n" for word in program.words) if hexadecimal else disassemble(program.instructions)
    typer.echo(text, nl=False)
    write_result({"controller": name, "text": disassemble(program.instructions), "words": program.words}, json, None)


def asm(
    source: Annotated[
        Path, typer.Argument(callback=input_file, metavar="FILE", help="A program's text, as pcmesh disasm prints it.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", callback=file_target, metavar="FILE", help="Write the words to this file."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(callback=json_target, metavar="FILE", help="Write text and words to this file.")
    ] = None,
) -> None:
    """Assemble a program's text into 128-bit words in hexadecimal, one a line."""
    from pcmesh.files.reading import read_text
    from pcmesh.files.writing import write_text
    from pcmesh.microcode import ControllerProgram, assemble

    text = read_text(source)
    program = ControllerProgram.of(assemble(text))
    lines = "".join(f"{word}\n" for word in program.words)
    if out is None:
        typer.echo(lines, nl=False)
    else:
        write_text(out, lines)
    write_result({"controller": str(source), "text": text, "words": program.words}, json, None)
