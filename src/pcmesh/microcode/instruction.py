"""Instructions as objects, and their 128-bit words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pcmesh.errors import ConfigurationError, InputError
from pcmesh.microcode.encoding import BANK, FORM_BY_CODE, FORM_BY_NAME, MODE, WAIT, WORD_BITS, Field, Form


@dataclass(frozen=True)
class Instruction:
    """One word of a controller's program.

    Attributes:
        kind: name of a form in the encoding table.
        wait: cycles before the next fetch (which takes one more).
        values: the form's fields; what is left out is 0.
    """

    kind: str
    wait: int = 0
    values: Mapping[str, int] = field(default_factory=dict)

    @property
    def form(self) -> Form:
        """The kind's entry in the encoding table."""
        return FORM_BY_NAME[self.kind]

    def __getitem__(self, name: str) -> int:
        return self.values.get(name, 0)


def encode(instruction: Instruction) -> int:
    """Return an instruction's word.

    Raises:
        ConfigurationError: a value does not fit its field (named, with the largest value).
    """
    form = instruction.form
    unknown = set(instruction.values) - {entry.name for entry in form.fields}
    if unknown:
        raise ConfigurationError(f"{form.name}: no field {sorted(unknown)[0]!r}", "docs/microcode.md lists the fields")
    word = MODE.put(form.mode) | BANK.put(form.bank) | _placed(form, WAIT, instruction.wait)
    for entry in form.fields:
        word |= _placed(form, entry, instruction[entry.name])
    return word


def decode(word: int) -> Instruction:
    """Return the instruction of a word; fields that are 0 are left out.

    Raises:
        InputError: not a word of the instruction set.
    """
    form = FORM_BY_CODE.get((MODE.take(word), BANK.take(word)))
    if form is None or not 0 <= word < 2**WORD_BITS:
        raise InputError(f"{word:#034x} is no instruction", "docs/microcode.md lists modes and banks")
    values = {entry.name: entry.take(word) for entry in form.fields}
    instruction = Instruction(form.name, WAIT.take(word), {name: value for name, value in values.items() if value})
    beyond = next((entry for entry in form.fields if instruction[entry.name] > entry.largest), None)
    if beyond is not None:
        raise InputError(f"{word:#034x}: {form.name} {beyond.name} = {instruction[beyond.name]} has no meaning")
    if encode(instruction) != word:
        raise InputError(f"{word:#034x}: bits are set outside of the fields of {form.name}")
    return instruction


def _placed(form: Form, entry: Field, value: int) -> int:
    if not entry.smallest <= value <= entry.largest:
        raise ConfigurationError(
            f"{form.name}: {entry.name} = {value} does not fit its {entry.width} bits "
            f"({entry.smallest} to {entry.largest})",
            "Choose a setting within the hardware's range",
        )
    return entry.put(value)
