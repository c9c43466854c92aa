"""Products that ship, and one of another package, hold the contract of operations."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pcmesh.errors import ConfigurationError
from pcmesh.network import OperationRecord
from pcmesh.network.operations.records import ANY_OTHER, COMPUTED_FACTORS, MOVED
from pcmesh.network.operations.table import ADDED, OPERATIONS, record_of
from tests.extensions.plugins import install, install_example
from tests.network.operation_contract import OperationContract


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


class Matrix(OperationContract):
    def x(self) -> Tensor:
        return normal(9, 20)

    def weight(self) -> Tensor:
        return normal(20, 12)


class TestLinear(Matrix):
    kind, operations = "linear", 2 * 20 * 12

    def function(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.linear(x, weight.t())


class TestMatmul(Matrix):
    kind, operations = "matmul", 2 * 20 * 12

    def function(self, x: Tensor, weight: Tensor) -> Tensor:
        return x @ weight


class TestEinsum(Matrix):
    kind, operations = "einsum", 2 * 20 * 12

    def function(self, x: Tensor, weight: Tensor) -> Tensor:
        return torch.einsum("bi,io->bo", x, weight)


class TestConvolution(OperationContract):
    kind, operations = "conv1d", 2 * 4 * 6 * 3 * 8

    def x(self) -> Tensor:
        return normal(9, 4, 10)

    def weight(self) -> Tensor:
        return normal(6, 4, 3)

    def function(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv1d(x, weight)


class TestAbsoluteLinear(Matrix):
    """The operation of examples/plugin, which no file of pcmesh names."""

    kind, operations = "absolute_linear", 12 * (2 * 20 + 1)

    @pytest.fixture(autouse=True)
    def _plugin(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        install_example(tmp_path / "site", monkeypatch)
        importlib.import_module("pcmesh_example.absolute_linear")  # whatever other tests loaded before

    def function(self, x: Tensor, weight: Tensor) -> Tensor:
        result: Tensor = torch.ops.pcmesh_example.absolute_linear(x, weight.t())
        return result


def test_without_the_package_its_record_is_unknown() -> None:
    assert "absolute_linear" not in ADDED
    assert record_of("absolute_linear") == OperationRecord()


def test_forms_in_place_are_what_the_plain_ones_are_but_for_products() -> None:
    assert record_of("relu_").digital == OPERATIONS["relu"].digital
    assert record_of("relu_").sign is OPERATIONS["relu"].sign
    assert record_of("transpose_").digital == MOVED
    assert record_of("addmm_") == OperationRecord()
    assert record_of("_scaled_dot_product_flash_attention").digital == record_of("scaled_dot_product_attention").digital
    assert record_of("polar").digital == ANY_OTHER


def test_every_product_that_ships_has_a_rewrite_and_a_count() -> None:
    products = {name: record for name, record in OPERATIONS.items() if record.analog is not None}
    assert {name for name, record in products.items() if record.rewrite is None} == {"convolution"}  # eager's name
    assert {name for name, record in products.items() if record.count is None} == {"embedding"}
    assert all(record.digital == COMPUTED_FACTORS for name, record in products.items() if name != "embedding")


def test_a_record_without_a_rule_for_tiles_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no rule for tiles"):
        OperationRecord(rewrite=print)


def test_what_is_no_record_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {ADDED.group: {"strange": "strange_operation:STRANGE"}}
    install(tmp_path, monkeypatch, "strange", entry, {"strange_operation": "STRANGE = nothing\n"})
    with pytest.raises(ConfigurationError, match=r"operation 'strange' of strange 1\.0.*NameError"):
        record_of("strange")
