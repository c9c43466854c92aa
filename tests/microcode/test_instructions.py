"""Object, binary and text forms of the instruction set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcmesh.errors import CapacityError, ConfigurationError, InputError
from pcmesh.microcode import ControllerProgram, Instruction, assemble, decode, disassemble, encode
from pcmesh.microcode.encoding import BANK, FORMS, MODE, WAIT, WORD_BITS
from pcmesh.microcode.timeline import Timeline
from tests.clocked.machines import machine
from tests.machines import small_chip
from tests.networks import chain


@st.composite
def instructions(draw: st.DrawFn) -> Instruction:
    form = draw(st.sampled_from(FORMS))
    values = {field.name: draw(st.integers(field.smallest, field.largest)) for field in form.fields}
    return Instruction(form.name, draw(st.integers(0, WAIT.largest)), {k: v for k, v in values.items() if v})


@given(st.lists(instructions(), min_size=1, max_size=8))
def test_text_binary_and_objects_are_one(words):
    program = tuple(words)
    assert tuple(decode(encode(word)) for word in program) == program
    assert assemble(disassemble(program)) == program
    assert ControllerProgram.of(program).instructions == program


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_fields_do_not_overlap_and_fit_the_word(form):
    taken = 0
    for field in (MODE, BANK, WAIT, *form.fields):
        bits = ((1 << field.width) - 1) << field.first_bit
        assert not taken & bits, field.name
        taken |= bits
    assert taken < 1 << WORD_BITS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fly", "line 1: no instruction 'fly'"),
        ("halt\n mesh up=in", "line 2: 'up=in' sets no field of mesh"),
        ("mesh north=sideways", "north=sideways is no value"),
        ("array rows=4096", "rows = 4096 does not fit its 11 bits"),
        ("jump to=nowhere", "to=nowhere is no value"),
        ("a:\na:\nhalt", "line 2: label 'a' stands twice"),
        ("mesh north=in north=in", "or one twice"),
    ],
)
def test_errors_of_the_assembler_name_the_line(text, message):
    with pytest.raises(InputError, match=message):
        assemble(text)


@pytest.mark.parametrize("word", [1 << 127, 7, 1 << 3, encode(Instruction("mesh")) | 3 << 32])
def test_what_is_no_word_is_refused(word):
    with pytest.raises(InputError):
        decode(word)


def test_a_value_that_does_not_fit_says_the_limits():
    with pytest.raises(ConfigurationError, match=r"slope = 65536 does not fit its 16 bits \(0 to 65535\)"):
        encode(Instruction("conversion", 0, {"slope": 65_536}))


def test_the_sram_is_too_small_by_how_much():
    with pytest.raises(CapacityError, match=r"needs \d+ words, the SRAM has 8 \(\d+ too many\)"):
        machine(chain((30, 16, 5)), small_chip(rows=16, columns=16, controller={"sram_words": 8}))


def test_a_step_that_is_too_short_says_by_how_much():
    with pytest.raises(ConfigurationError, match=r"timing\.step_ns = 256 is 6 ns too short"):
        machine(chain((10, 5)), small_chip(rows=16, columns=16, timing={"step_ns": 256}))


def test_the_prologue_goes_where_frames_do_not_overlap():
    def words(before, slot):
        return [] if all(state == slot for state in before) else [(2, Instruction("mesh", 0, {"north": slot}))]

    same = Timeline([1, 0], (300, 300), words, 0).program("here", 512)
    assert disassemble(same.instructions).split("\n")[1:] == [
        "L1:",
        "  mesh north=in wait=299",
        "  mesh",
        "  jump to=L1 wait=298",
        "",
    ]
    still = Timeline([1, 1], (300, 300), words, 0).program("here", 512)
    assert [word.kind for word in still.instructions] == ["jump", "mesh", "halt"]
    assert Timeline([0, 0], (300, 300), words, 0).program("here", 512).words == ()


def test_words_are_written_only_for_what_changes():
    """The south tile of a pair that shares its capacitors: precharge, four integrations, two hand-overs."""
    made = machine(chain((30, 16, 5)), small_chip(rows=16, columns=16))
    group = made.mapping.groups_of("fc0")[0]
    site = made.placement.places[group.tiles[-1]].site
    words = made.microcode.chips[0].tile(site).instructions
    assert sum(word.kind == "capacitors" for word in words) == 2
    assert [word["integrate"] for word in words if word.kind == "array"] == [1, 0] * 4
    assert sum(word["ramp"] for word in words if word.kind == "conversion") == 2
    assert [word["bias_ns"] for word in words if word["integrate"]] == [255, 0, 0, 255]
    assert len(words) < 25
