"""Assembler and disassembler: the instruction set's text form, one word a line.

    frame:                                   ; a label
      mesh north=out north_even=on north_odd=on wait=4
      jump to=frame wait=2

Fields that are left out are 0; values are numbers or the names of the encoding table.
"""

from __future__ import annotations

from collections.abc import Sequence

from pcmesh.errors import ConfigurationError, InputError
from pcmesh.microcode.encoding import FORM_BY_NAME, WAIT, Field, Form
from pcmesh.microcode.instruction import Instruction, encode

_COMMENT = ";"
_TARGET = "to"


def disassemble(program: Sequence[Instruction]) -> str:
    """Return a program's text; targets of jumps get the labels L0, L1, ... by their address."""
    targets = {word[_TARGET] for word in program if _TARGET in _names(word.form)}
    lines = []
    for address, word in enumerate(program):
        if address in targets:
            lines.append(f"L{address}:")
        shown = [_assignment(entry, word[entry.name], targets, len(program)) for entry in _shown(word)]
        if word.wait:
            shown.append(f"{WAIT.name}={word.wait}")
        lines.append("  " + " ".join([word.kind, *shown]))
    return "\n".join(lines) + "\n"


def assemble(text: str) -> tuple[Instruction, ...]:
    """Return the program of a text.

    Raises:
        InputError: an unknown instruction, field, value or label; the message names the line.
    """
    lines = [(number, line.split(_COMMENT, 1)[0].strip()) for number, line in enumerate(text.splitlines(), 1)]
    labels: dict[str, int] = {}
    words: list[tuple[int, str]] = []
    for number, line in lines:
        if line.endswith(":"):
            if line[:-1] in labels:
                raise InputError(f"line {number}: label {line[:-1]!r} stands twice", "Rename one")
            labels[line[:-1]] = len(words)
        elif line:
            words.append((number, line))
    return tuple(_word(number, line, labels) for number, line in words)


def _word(number: int, line: str, labels: dict[str, int]) -> Instruction:
    kind, *parts = line.split()
    form = FORM_BY_NAME.get(kind)
    if form is None:
        raise InputError(f"line {number}: no instruction {kind!r}", f"One of {', '.join(FORM_BY_NAME)}")
    values: dict[str, int] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or name not in (WAIT.name, *_names(form)) or name in values:
            known = ", ".join((*_names(form), WAIT.name))
            raise InputError(f"line {number}: {part!r} sets no field of {kind} (or one twice)", f"Fields: {known}")
        entry = WAIT if name == WAIT.name else form.field(name)
        values[name] = _value(number, entry, value, labels)
    wait = values.pop(WAIT.name, 0)
    instruction = Instruction(kind, wait, {name: value for name, value in values.items() if value})
    try:
        encode(instruction)
    except ConfigurationError as error:
        raise InputError(f"line {number}: {error.problem}") from error
    return instruction


def _value(number: int, entry: Field, text: str, labels: dict[str, int]) -> int:
    if entry.name == _TARGET and text in labels:
        return labels[text]
    if text in entry.names:
        return entry.names.index(text)
    if text.removeprefix("-").isdecimal():
        return int(text)
    choices = ", ".join(labels if entry.name == _TARGET else entry.names) or "a number"
    raise InputError(f"line {number}: {entry.name}={text} is no value", f"One of: {choices}")


def _names(form: Form) -> tuple[str, ...]:
    return tuple(entry.name for entry in form.fields)


def _shown(word: Instruction) -> list[Field]:
    return [entry for entry in word.form.fields if word[entry.name] or entry.name == _TARGET]


def _assignment(entry: Field, value: int, targets: set[int], length: int) -> str:
    if entry.name == _TARGET and value in targets and value < length:
        return f"{_TARGET}=L{value}"
    return f"{entry.name}={entry.names[value] if entry.names else value}"
