"""Injected faults are all detected: the chip refuses them, or a code differs."""

from collections import Counter

import pytest
import torch

from pcmesh.errors import HardwareError, InputError
from pcmesh.execution.clocked import ClockedChip
from pcmesh.hardware.mesh import Mesh
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.microcode import ChipProgram, generate
from pcmesh.routing import Routing
from tests.clocked.machines import Machine, machine
from tests.clocked.mutants import crossing_routes, mutants
from tests.machines import small_chip
from tests.networks import chain

FRAMES = 3
PCM2 = {"fc0": LayerOptions(encoding=Encoding.PCM2)}
SEPARATE = {"fc0": LayerOptions(share_capacitors=False)}


@pytest.fixture(scope="module", params=["hand-over", "digital sums"])
def made(request) -> Machine:
    chip = small_chip(rows=16, columns=16)
    if request.param == "hand-over":
        return machine(chain((60, 16, 16, 8)), chip, PCM2)
    return machine(chain((48, 32)), chip, SEPARATE)


def outcome(made: Machine, program: ChipProgram, good: dict[int, torch.Tensor] | None) -> str:
    try:
        codes = ClockedChip(made.hardware(), program).run(made.frames(FRAMES), noise=False).codes
    except HardwareError as error:
        return f"refused: {error.problem}"
    return "" if good is None or all(torch.equal(codes[g], good[g]) for g in good) else "a code differs"


def test_faults_in_words_are_detected(made, record_property):
    program = made.microcode.chips[0]
    good = ClockedChip(made.hardware(), program).run(made.frames(FRAMES), noise=False).codes
    count: Counter[tuple[str, str]] = Counter()
    missed = []
    for mutant in mutants(program):
        found = outcome(made, mutant.program, good)
        state = "detected" if found else f"equivalent: {mutant.equivalent}" if mutant.equivalent else "missed"
        count[mutant.kind, state] += 1
        assert not found.startswith("refused") or "cycle" in found or "was written" in found, found
        if state == "missed":
            missed.append((mutant.kind, mutant.controller, mutant.address))
    for (kind, state), number in sorted(count.items()):
        record_property(f"{kind}, {state}", number)
        print(f"{kind:<18}{state:<70}{number}")
    assert not missed
    for kind in ("dropped word", "flipped mask bit", "wrong wait"):
        assert count[kind, "detected"] >= 20


def test_routes_over_wires_in_use_are_refused(made, record_property):
    chip = made.network.chip
    found = []
    for schedule in crossing_routes(made.routing.chips[0], Mesh(chip.grid)):
        routing = Routing(chips=(schedule,))
        microcode = generate(routing, made.mapping, made.placement, made.graph, made.ramps, chip)
        found.append(outcome(made, microcode.chips[0], None))
    record_property("routes over used wires", len(found))
    print(f"routes over used wires: {len(found)} of {len(found)} refused")
    assert found
    assert all("two drivers" in text for text in found)


def test_a_vector_is_missing(made):
    with pytest.raises(InputError, match="'input' is missing"):
        ClockedChip(made.hardware(), made.microcode.chips[0]).run({"x": torch.zeros(1, 60, dtype=torch.int32)}, False)
