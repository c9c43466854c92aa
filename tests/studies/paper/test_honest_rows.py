"""Rows say what they are: one that merely follows a value of the preset is an input, one that never moves says why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pcmesh.performance.costs import load_costs
from pcmesh.studies import transport
from pcmesh.studies.paper import experiments as experimenting
from pcmesh.studies.paper.answers import all_answers
from pcmesh.studies.paper.experiments import Experiments
from tests.studies.paper.perturbation import Followed, experiments, followed, other_chips

TRUE = {"computed", "simulated", "predicted"}

CHEAP = (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 62, 64, 65, 66, 69)
PLACED = (38,)
MESH = (9, 12)
POWER = (75, 76, 77, 78, 79, 80, 81, 85)
TRANSDUCER = (36, 37, 39, 40, 41, 42, 43, 45, 46, 47, 57, 67, 68, 70, 71, 72, 74, 82, 83, 84)
KEYWORDS = (22, 23, 25, 87)

UNMOVED = {
    8: "an input that the chip file does not know yet",
    10: "both values are fixed: others are refused",
    62: "quoted",
    65: "quoted",
    66: "a test board's link, no part of the chip file",
    36: "counted from the network's shapes",
    37: "counted from the network's shapes",
    45: "rows of the matrices, from the network's shapes and the copies of its inputs",
    47: "an input: the choice of the paper",
    57: "an input of the network's shape",
    84: "of MLPerf's logs",
    87: "what a tile does for one vector it does for each of a batch",
}
"""Rows that no value of the chip file moves, with the reason."""


@pytest.fixture(scope="module")
def few_vectors() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experimenting, "TRANSPORT_DIES", 2)
        patch.setattr(experimenting, "RANGES_NS", (50, 250))
        patch.setattr(transport, "VECTORS", 16)
        measure = transport.measure_transport
        patch.setattr(experimenting, "measure_transport", lambda *a, **kw: measure(*a, **{"vectors": 16, **kw}))
        yield


def _kinds(base: Experiments, rows: tuple[int, ...]) -> dict[int, str]:
    known = all_answers()
    return {number: known[number](base).how for number in rows}


def _check(found: Followed, base: Experiments, rows: tuple[int, ...]) -> None:
    kinds = _kinds(base, rows)
    assert {number: keys for number, keys in found.echoes().items() if kinds[number] in TRUE} == {}
    assert found.unmoved() == {number for number in UNMOVED if number in rows}


def test_cheap_rows_that_follow_one_value_are_inputs() -> None:
    base = experiments()
    changed = ((key, lambda chip=chip: experiments(chip)) for key, chip in other_chips())
    _check(followed(CHEAP, changed, base), base, CHEAP)


def test_what_a_chip_holds_follows_its_grid_and_its_tiles() -> None:
    base = experiments()
    changed = ((key, lambda chip=chip: experiments(chip)) for key, chip in other_chips(["grid", "tile"]))
    _check(followed(PLACED, changed, base), base, PLACED)


@pytest.mark.usefixtures("few_vectors")
def test_the_mesh_moves_what_is_said_of_it() -> None:
    base = experiments()
    changed = ((key, lambda chip=chip: experiments(chip)) for key, chip in other_chips(["mesh", "tile"]))
    found = followed(MESH, changed, base)
    _check(found, base, MESH)
    assert found.by_key()["mesh.hop_width_sigma_ns"] == found.by_key()["mesh.clock_ratio_sigma"] == {12}


def test_costs_move_what_is_fitted_and_what_is_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    base = experiments()
    costs = load_costs()
    fixed = {name: base.__dict__[name] for name in ("rnnt", "run", "run_overlapping", "load") if getattr(base, name)}
    fixed["scenes"] = base.scenes

    def with_cost(name: str, pj: float) -> Experiments:
        monkeypatch.setattr(experimenting, "load_costs", lambda: costs.changed({name: pj}))
        other = experiments()
        other.__dict__ |= fixed
        return other

    rows = tuple(number for number in POWER if number != 76)
    changed = ((cost.name, lambda c=cost: with_cost(c.name, 1.5 * c.pj + 0.001)) for cost in costs.cost)
    found = followed(rows, changed, base)
    _check(found, base, rows)
    by_cost = found.by_key()
    assert set(by_cost) == {cost.name for cost in costs.cost}
    assert by_cost["vector"] >= {79, 80, 81, 85}
    assert by_cost["matrix"] == {80, 81, 85}
    predicted = {number for number, how in _kinds(base, rows).items() if how == "predicted"}
    assert all(len(keys) > 1 for number in predicted for keys in found.keys[number])


@pytest.mark.long
def test_rows_of_networks_that_follow_one_value_are_inputs() -> None:
    rows = (*KEYWORDS, *TRANSDUCER)
    base = experiments()
    changed = ((key, lambda chip=chip: experiments(chip)) for key, chip in other_chips(["grid", "tile", "timing"]))
    _check(followed(rows, changed, base), base, rows)
