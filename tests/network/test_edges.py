"""Edges between the operations of a captured network."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import nn

from pcmesh.errors import VerificationError
from pcmesh.network.capture import capture
from pcmesh.network.examples import Examples
from pcmesh.network.exported.edges import verify_edges
from pcmesh.network.products import Operation

Way = Literal["export", "eager"]


class Diamond(nn.Module):
    """Two layers side by side, joined by a product of two computed tensors; one chunk of it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.last = nn.Linear(8, 6), nn.Linear(8, 6), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        joined = self.left(x) * self.right(x)
        return self.last(joined.chunk(2, dim=-1)[1])


def behind(operations: tuple[Operation, ...], name: str) -> set[str]:
    """Return the products that an operation depends on."""
    by_name = {operation.name: operation for operation in operations}
    found: set[str] = set()
    for source in by_name[name].inputs:
        found |= set(by_name[source].products) | behind(operations, source)
    return found


def of_product(operations: tuple[Operation, ...], product: str) -> Operation:
    return next(operation for operation in operations if product in operation.products)


@pytest.mark.parametrize("way", ["export", "eager"])
def test_operations_know_what_they_take(way: Way) -> None:
    operations = capture(Diamond(), Examples.of(torch.randn(4, 8)), (512, 512), way=way).operations
    verify_edges(operations)
    assert behind(operations, of_product(operations, "left").name) == set()
    assert behind(operations, of_product(operations, "right").name) == set()
    assert behind(operations, of_product(operations, "last").name) == {"left", "right"}


@pytest.mark.parametrize("way", ["export", "eager"])
def test_a_recurrent_operation_knows_the_products_of_each_step(way: Way) -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.lstm = nn.Linear(5, 4), nn.LSTM(4, 6, 2, bidirectional=True, proj_size=3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.lstm(self.first(x))[0]

    captured = capture(Reader(), Examples.of(torch.randn(7, 2, 5), 1), (512, 512), way=way)
    recurrent = next(operation for operation in captured.operations if operation.cells)
    assert [cell.layer for cell in recurrent.cells] == [0, 0, 1, 1]
    assert all(len(cell.together) == 2 and len(cell.after) == 1 for cell in recurrent.cells)
    assert {name for cell in recurrent.cells for name in (*cell.together, *cell.after)} == set(recurrent.products)
    assert behind(captured.operations, recurrent.name) == {"first"}


def test_in_place_operations_stand_between() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(self.a(x).relu_())

    operations = capture(InPlace(), Examples.of(torch.randn(2, 4)), (512, 512), way="eager").operations
    taken = of_product(operations, "b").inputs
    assert any(name.startswith("relu_") for name in taken)


def test_edges_out_of_order_are_refused() -> None:
    first = Operation("", "relu", "digital", "", name="one", inputs=("two",))
    with pytest.raises(VerificationError, match="one takes 'two'"):
        verify_edges((first, Operation("", "relu", "digital", "", name="two")))
    with pytest.raises(VerificationError, match="two operations"):
        verify_edges((Operation("", "relu", "digital", "", name="x"), Operation("", "relu", "digital", "", name="x")))
