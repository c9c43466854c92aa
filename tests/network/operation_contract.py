"""What every operation with a product must hold, also one of another package: subclass `OperationContract`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import pcmesh
from pcmesh.network import OperationRecord
from pcmesh.network.capture import capture
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork
from pcmesh.network.operations.table import record_of
from tests.machines import small_chip

TILE = (512, 512)
Function = Callable[[Tensor, Tensor], Tensor]


class Weighted(nn.Module):
    """The operation with a weight, and a linear layer behind it."""

    def __init__(self, function: Function, weight: Tensor, outputs: int) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(weight)
        self.behind = nn.Linear(outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.behind(self.function(x, self.weight).flatten(1))
        return y


class Computed(Weighted):
    """The operation with a matrix that the network computes."""

    def forward(self, x: Tensor) -> Tensor:
        matrix = self.weight * x.sum()
        y: Tensor = self.behind(self.function(x, matrix).flatten(1))
        return y


class OperationContract:
    """Tests of one operation; `kind` is its name, `function` calls it, `x` and `weight` are what with."""

    kind: str
    operations: float
    """Scalar operations of one sample."""

    def function(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the operation's result."""
        raise NotImplementedError

    def x(self) -> Tensor:
        """Return inputs of both signs, samples first."""
        raise NotImplementedError

    def weight(self) -> Tensor:
        """Return a weight."""
        raise NotImplementedError

    @pytest.fixture
    def record(self) -> OperationRecord:
        return record_of(self.kind)

    @pytest.fixture
    def network(self) -> Weighted:
        torch.manual_seed(0)
        return Weighted(self.function, self.weight(), self.outputs())

    def outputs(self) -> int:
        """Return how many values a sample gives."""
        return self.function(self.x(), self.weight()).flatten(1).shape[1]

    def captured(self, network: nn.Module, **options: object) -> CapturedNetwork:
        return capture(network, Examples.of(self.x()), TILE, way="export", **options)  # type: ignore[arg-type]

    def test_it_is_on_tiles_and_computes_the_same(self, network: Weighted, record: OperationRecord) -> None:
        found = self.captured(network)
        operation = next(entry for entry in found.operations if entry.kind == self.kind)
        assert record.analog is not None
        assert (operation.where, operation.why) == record.analog[:2] == ("analog", record.analog.why)
        assert operation.operations == self.operations
        assert len(found.products) == 2
        torch.testing.assert_close(found.module(self.x()), network(self.x()), rtol=1e-4, atol=1e-5)

    def test_a_computed_matrix_stays_digital(self) -> None:
        network = Computed(self.function, self.weight(), self.outputs())
        found = capture(network, Examples.of(self.x(), None), TILE, way="export")
        operation = next(entry for entry in found.operations if entry.kind == self.kind)
        assert operation.where == "digital"
        assert operation.operations > 0
        assert [product.name for product in found.products] == ["behind"]

    def test_a_pin_keeps_it_digital(self, network: Weighted) -> None:
        found = self.captured(network, pins={"": "digital"})
        operation = next(entry for entry in found.operations if entry.kind == self.kind)
        assert operation.where == "digital"
        assert "pinned" in operation.why

    def test_what_it_says_of_signs_is_true(self, network: Weighted, record: OperationRecord) -> None:
        behind = next(each for each in self.captured(network).products if "behind" in each.name)
        negative = bool((self.function(self.x(), self.weight()) < 0).any())
        assert behind.signed == (not record.sign_on_tiles)
        assert not (negative and not behind.signed)

    def test_on_the_ideal_chip_it_is_pytorchs(self, network: Weighted) -> None:
        on_chip = pcmesh.compile(network, self.x(), chip="ideal", clipped_share=0.0)
        wanted = network(self.x()).detach()
        assert float((on_chip(self.x()) - wanted).abs().max() / wanted.abs().max()) < 1e-3
        assert self.kind in on_chip.summary()

    def test_small_tiles_cut_it(self, network: Weighted) -> None:
        on_chip = pcmesh.compile(network, self.x(), chip=small_chip(16, 8, "ideal"), clipped_share=0.0)
        wanted = network(self.x()).detach()
        assert float((on_chip(self.x()) - wanted).abs().max() / wanted.abs().max()) < 1e-3
