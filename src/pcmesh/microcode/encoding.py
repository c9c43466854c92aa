"""The instruction set of the controllers: one table from which encoder, decoder, text and documentation come.

A word is 128 bits. Its low bits hold the mode, the bank and the wait before the next fetch; the rest is the next state
of that bank's signals. Tiles (and the bare mesh places) have the banks mesh, array, capacitors and conversion; landing
pads have send and collect. Paper: Methods, "Local Controllers"; which bit stands where is not published (assumed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WORD_BITS = 128
Owner = Literal["any", "place", "tile", "ILP", "OLP"]
FLAG = ("off", "on")
GUARD = ("blocked", "in", "out")


@dataclass(frozen=True)
class Field:
    """Some bits of a word.

    `names` are the words that the text form uses for the values 0, 1, ...; `signed` ones are in two's complement.
    """

    name: str
    first_bit: int
    width: int
    meaning: str
    names: tuple[str, ...] = ()
    signed: bool = False

    @property
    def largest(self) -> int:
        """The largest value."""
        if self.names:
            return len(self.names) - 1
        return (1 << (self.width - self.signed)) - 1

    @property
    def smallest(self) -> int:
        """The smallest value."""
        return -(1 << (self.width - 1)) if self.signed else 0

    def put(self, value: int) -> int:
        """Return the bits of a value, in their place."""
        return (value & ((1 << self.width) - 1)) << self.first_bit

    def take(self, word: int) -> int:
        """Return the value in a word."""
        value = (word >> self.first_bit) & ((1 << self.width) - 1)
        return value - (1 << self.width) if self.signed and value >> (self.width - 1) else value


@dataclass(frozen=True)
class Form:
    """A kind of word: a mode, or the state of one bank of signals."""

    name: str
    mode: int
    bank: int
    owner: Owner
    meaning: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        """Return the field of that name."""
        return next(entry for entry in self.fields if entry.name == name)


MODE = Field("mode", 0, 3, "what the word does", ("halt", "set", "jump", "loop"))
BANK = Field("bank", 3, 5, "which bank of signals a `set` drives")
WAIT = Field("wait", 8, 24, "cycles of 1 ns before the next fetch, which takes one more")

_SET = MODE.names.index("set")
_FIRST = 32


def _guard(side: str, first: int) -> tuple[Field, ...]:
    return (
        Field(side, first, 2, f"{side} borderguard: `in` edge to centre, `out` centre to edge", GUARD),
        Field(f"{side}_even", first + 2, 1, f"{side} borderguard passes the even wires", FLAG),
        Field(f"{side}_odd", first + 3, 1, f"{side} borderguard passes the odd wires", FLAG),
    )


_TARGET = Field("to", _FIRST, 16, "address of the next word")

FORMS: tuple[Form, ...] = (
    Form("halt", 0, 0, "any", "stop; all signals keep their state", ()),
    Form("jump", 2, 0, "any", "go to an address", (_TARGET,)),
    Form(
        "loop",
        3,
        0,
        "any",
        "go to an address, `count` times, then on to the next word",
        (_TARGET, Field("count", 48, 16, "how often")),
    ),
    Form(
        "mesh",
        _SET,
        0,
        "place",
        "borderguards, and where the columns' pulses leave",
        (
            *_guard("north", 32),
            *_guard("south", 36),
            *_guard("west", 40),
            *_guard("east", 44),
            Field("columns_even", 48, 1, "even columns drive the south edge", FLAG),
            Field("columns_odd", 49, 1, "odd columns drive the south edge", FLAG),
        ),
    ),
    Form(
        "array",
        _SET,
        1,
        "tile",
        "row drivers, device pairs and mirrors",
        (
            Field("integrate", 32, 1, "the columns' current reaches the capacitors", FLAG),
            Field("rows", 33, 11, "rows 0 to rows - 1 listen to the west edge"),
            Field("wp1", 44, 1, "device pair WP1 conducts", FLAG),
            Field("wp2", 45, 1, "device pair WP2 conducts", FLAG),
            Field("polarity", 46, 1, "plus charges with +W x, minus the reverse", ("plus", "minus")),
            Field("bias_ns", 47, 9, "length of the bias rows' pulses, from the start of the integration; 0: none"),
        ),
    ),
    Form(
        "capacitors",
        _SET,
        2,
        "tile",
        "the columns' capacitors",
        (
            Field("precharge", 32, 1, "the capacitors are held at their precharge", FLAG),
            Field("units", 33, 7, "capacitors connected per column"),
            Field("share_north", 40, 1, "the north neighbour's columns charge these capacitors too", FLAG),
        ),
    ),
    Form(
        "conversion",
        _SET,
        3,
        "tile",
        "the shared ramp and the comparators",
        (
            Field("ramp", 32, 1, "the ramp runs: it starts when this turns on", FLAG),
            Field("slope", 33, 16, "ns of output per volt, in steps of 1/16"),
            Field(
                "zero",
                49,
                20,
                "output for zero charge, 1/256 ns from when comparators are enabled, which is when the ramp starts: "
                "about 0 gives a ReLU, half scale a linear output or a hard sigmoid (with its trim)",
                signed=True,
            ),
        ),
    ),
    Form(
        "send",
        _SET,
        4,
        "ILP",
        "drive the wires with the pulses of one vector, now",
        (
            Field("address", 32, 8, "address of the vector"),
            Field("part", 40, 1, "which signs are sent", ("positive", "negative")),
        ),
    ),
    Form(
        "collect",
        _SET,
        5,
        "OLP",
        "count the pulses that rise from now on into an address",
        (
            Field("address", 32, 8, "address of the vector"),
            Field("window", 40, 16, "cycles until counting ends"),
            Field("even", 56, 1, "even wires are counted", FLAG),
            Field("odd", 57, 1, "odd wires are counted", FLAG),
        ),
    ),
)

FORM_BY_NAME = {form.name: form for form in FORMS}
FORM_BY_CODE = {(form.mode, form.bank): form for form in FORMS}
