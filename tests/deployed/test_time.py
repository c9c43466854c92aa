"""How long a sample takes, by the edges between its operations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pcmesh
from pcmesh.deployed.figures.time import SampleTime, Work, sample_time
from pcmesh.network.products import Cell, Operation

STEP, DIGITAL = 3.0, 1.0


def operation(
    name: str, *inputs: str, cells: tuple[Cell, ...] = (), products: tuple[str, ...] | None = None
) -> Operation:
    return Operation(
        "", "linear", "analog", "", 0.0, products or (name,), f"{name}()", tuple(f"{i}()" for i in inputs), cells
    )


def work(name: str, vectors: float = 1.0, steps: int = 2, layer: str | None = None, slots: int = 0) -> dict[str, Work]:
    return {name: Work(vectors, steps, steps, frozenset({layer or name}), {0: slots})}


def timed(operations: list[Operation], works: dict[str, Work]) -> SampleTime:
    return sample_time(operations, works, STEP, DIGITAL)


def test_a_chain_takes_the_sum_and_branches_the_longest() -> None:
    chain = timed([operation("a"), operation("b", "a")], work("a") | work("b", vectors=3))
    assert chain == SampleTime(7 + 3 * 7 - 1, 3 * 6, 1)
    fork = timed([operation("a"), operation("b"), operation("c", "a", "b")], work("a") | work("b", 5) | work("c"))
    assert fork.latency_s + fork.after_s == 5 * 7 + 7


def test_products_on_one_sheet_wait_for_one_another() -> None:
    shared = work("a", layer="sheet0") | work("b", layer="sheet0")
    assert timed([operation("a"), operation("b")], shared) == SampleTime(13, 12, 1)


def test_parallel_products_share_the_landing_pads_of_their_chip() -> None:
    works = work("a", vectors=10, steps=3, slots=2) | work("b", vectors=10, steps=3, slots=2)
    assert timed([operation("a"), operation("b")], works).latency_s == 10 * 4 * STEP
    alone = work("a", vectors=10, steps=3, slots=2)
    assert timed([operation("a")], alone).latency_s == 10 * (3 * STEP + DIGITAL) - DIGITAL


def test_layers_of_a_recurrent_network_follow_one_step_behind() -> None:
    cells = (Cell(0, ("x0", "h0")), Cell(1, ("x1", "h1")))
    works = work("x0", 10) | work("h0", 10) | work("x1", 10, steps=4) | work("h1", 10)
    lstm = operation("lstm", cells=cells, products=tuple(works))
    assert timed([lstm], works) == SampleTime(7 + 13 + 9 * 13 - 1, 10 * 13, 1)
    both = (Cell(0, ("x0", "h0")), Cell(0, ("x1", "h1")))
    assert timed([operation("lstm", cells=both, products=tuple(works))], works).latency_s == 10 * 13 - 1


def test_a_product_used_twice_takes_half_of_its_vectors_each_time() -> None:
    twice = [operation("a"), Operation("", "linear", "analog", "", 0.0, ("a",), "again", ("a()",))]
    assert timed(twice, work("a", vectors=6)) == SampleTime(6 * 7 - 1, 36, 1)


@pytest.mark.parametrize("capture", ["export", "eager"])
def test_depth_shows_in_the_summary_of_either_capture(capture: str) -> None:
    torch.manual_seed(0)
    layers = [m for _ in range(4) for m in (nn.Linear(32, 32), nn.ReLU())]
    found = pcmesh.compile(nn.Sequential(*layers), torch.randn(8, 32), "ideal", capture_by=capture).figures()
    steps = {entry["name"]: entry["steps"] for entry in found["products"]}
    assert found["latency_s"] + found["after_s"] == pytest.approx(sum(300e-9 * n + 300e-9 for n in steps.values()))
    assert found["after_s"] == pytest.approx(300e-9)
