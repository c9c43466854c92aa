"""Products with weights in any form: the network computes the same, and they are on tiles or say why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pcmesh.network.capture import Way, capture
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork

TILE = (512, 512)
Form = Callable[[Tensor, "Weights"], Tensor]


class Weights(nn.Module):
    """Weights of several shapes, and one way to use them."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form
        self.vector, self.matrix = nn.Parameter(torch.randn(6)), nn.Parameter(torch.randn(6, 4))
        self.square = nn.Parameter(torch.randn(5, 5))
        self.heads, self.pair = nn.Parameter(torch.randn(6, 2, 3)), nn.Parameter(torch.randn(4, 6, 6))
        self.places = nn.Parameter(torch.randn(5, 6, 4))
        self.bias = nn.Parameter(torch.randn(4))
        self.register_buffer("whole", torch.randint(-3, 3, (6, 4)))

    def forward(self, x: Tensor) -> Tensor:
        return self.form(x, self)


def captured(form: Form, way: Way, x: Tensor) -> CapturedNetwork:
    network = Weights(form).eval()
    found = capture(network, Examples.of(x), TILE, way=way)
    with torch.no_grad():
        for inputs in (x, torch.randn(2, *x.shape[1:])) if found.any_batch else (x,):
            torch.testing.assert_close(found.module(inputs), network(inputs), rtol=1e-4, atol=1e-4)
    return found


ON_TILES: dict[str, Form] = {
    "einsum with new dimensions": lambda x, w: torch.einsum("btc,chd->bthd", x, w.heads),
    "einsum, weight first": lambda x, w: torch.einsum("chd, btc -> bhtd", w.heads, x),
    "einsum with a matrix for each place": lambda x, w: torch.einsum("btc,tco->bto", x, w.places),
    "einsum with a sum over each": lambda x, w: torch.einsum("btc,co->b", x, w.matrix),
    "einsum with dots": lambda x, w: torch.einsum("...c,co->...o", x, w.matrix),
    "einsum without an arrow": lambda x, w: torch.einsum("btc,co", x, w.matrix),
    "einsum of a diagonal": lambda x, w: torch.einsum("btc,tt,co->bo", x, w.square, w.matrix),
    "einsum of three": lambda x, w: torch.einsum("btc,ocd,btd->bto", x, w.pair, x),
    "a chain": lambda x, w: torch.linalg.multi_dot([x[:, 0], w.matrix, w.matrix.t()]),
    "tensordot": lambda x, w: torch.tensordot(x, w.heads, dims=1),
    "tensordot over two": lambda x, w: torch.tensordot(x, w.places, dims=([1, 2], [0, 1])),
    "bmm": lambda x, w: torch.bmm(x.transpose(0, 1), w.places),
    "bmm of one weight": lambda x, w: torch.bmm(x, w.matrix.expand(x.shape[0], -1, -1)),
    "baddbmm": lambda x, w: torch.baddbmm(w.bias, x.transpose(0, 1), w.places, beta=0.5, alpha=2),
    "addbmm": lambda x, w: torch.addbmm(w.bias, x.transpose(0, 1), w.places),
    "matmul of 3-D weights": lambda x, w: x[:, :, None] @ w.places,
    "weight first": lambda x, w: w.square @ x,
    "weight first, turned": lambda x, w: (w.matrix.t() @ x.transpose(1, 2)).transpose(1, 2),
    "a vector": lambda x, w: x @ w.vector,
    "mv": lambda x, w: torch.mv(x[:, 0], w.vector),
    "addmv": lambda x, w: torch.addmv(x[:, 0, 0], x[:, 1], w.vector, beta=2),
    "inner": lambda x, w: torch.inner(x, w.matrix.t()),
    "addmm with a computed term": lambda x, w: torch.addmm(x[:, 0, :4], x[:, 1], w.matrix),
    "addmm with factors": lambda x, w: torch.addmm(w.bias, x[:, 1], w.matrix, beta=0.5, alpha=-2),
    "linear with a computed bias": lambda x, w: F.linear(x[:, :4].reshape(-1, 6), w.matrix.t(), x.mean((0, 1))[:4]),
    "bilinear": lambda x, w: F.bilinear(x, x.flip(1), w.pair, w.bias),
    "a weight of weights": lambda x, w: x @ (w.pair[0] @ w.matrix),
    "half a weight": lambda x, w: x[..., :3] @ w.matrix[:3].mul(2),
}
DIGITAL: dict[str, tuple[str, Form]] = {
    "two computed": ("both factors are computed", lambda x, _: x @ x.transpose(1, 2)),
    "einsum of two computed": ("both factors are computed", lambda x, _: torch.einsum("btc,bsc->bts", x, x)),
    "nothing summed": ("nothing is summed", lambda x, w: torch.einsum("btc,c->btc", x, w.vector)),
    "a matrix of the code": ("of no weight", lambda x, _: x @ torch.arange(24.0).view(6, 4)),
}


@pytest.mark.parametrize("way", ["export", "eager"])
@pytest.mark.parametrize("form", ON_TILES.values(), ids=ON_TILES)
def test_products_with_weights_are_on_tiles(form: Form, way: Way) -> None:
    torch.manual_seed(0)
    found = captured(form, way, torch.randn(3, 5, 6))
    assert any(operation.where == "analog" for operation in found.operations)
    assert found.products
    reasons = [operation.why for operation in found.operations if operation.where == "digital"]
    assert not any("factors" in reason for reason in reasons)


@pytest.mark.parametrize("way", ["export", "eager"])
@pytest.mark.parametrize(("reason", "form"), DIGITAL.values(), ids=DIGITAL)
def test_others_say_why_they_are_digital(reason: str, form: Form, way: Way) -> None:
    def beside(x: Tensor, w: Weights) -> Tensor:
        return form(x, w).sum() + (x @ w.matrix).sum((1, 2))

    found = captured(beside, way, torch.randn(3, 5, 6))
    assert len(found.products) == 1
    if way == "export" or reason != "nothing is summed":  # there PyTorch multiplies, without any product
        assert sum(reason in operation.why for operation in found.operations) == 1


@pytest.mark.parametrize("form", ["bmm", "einsum with a matrix for each place", "matmul of 3-D weights"])
def test_small_matrices_share_a_block(form: str) -> None:
    found = captured(ON_TILES[form], "export", torch.randn(3, 5, 6))
    assert [(product.rows, product.columns) for product in found.products] == [(30, 20)]
    (operation,) = [operation for operation in found.operations if operation.where == "analog"]
    assert operation.operations == 2 * 5 * 6 * 4


class Loose(nn.Module):
    """Has weights that are no parameters, one of them in a list, and changes one when it is asked to."""

    def __init__(self, changes: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)
        self.own, self.several = torch.randn(4, 4), [torch.randn(4, 4)]
        self.changes = changes

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x) @ self.own @ self.several[0]
        if self.changes:
            self.layer.weight.data.add_(x.mean())
            y = y + self.layer(x)
        return y


def test_weights_that_are_no_parameters_are_found_where_own_code_runs() -> None:
    network, x = Loose(False).eval(), torch.randn(3, 6)
    found = capture(network, Examples.of(x), TILE, way="eager")
    torch.testing.assert_close(found.module(x), network(x), rtol=1e-4, atol=1e-4)
    assert [product.parameters for product in found.products] == [("layer.weight",), ("own",), ("several",)]


def test_a_weight_that_was_changed_is_no_weight_any_more() -> None:
    network, x = Loose(True).eval(), torch.randn(3, 6)
    found = capture(network, Examples.of(x), TILE, way="eager")
    used = [operation.products for operation in found.operations if operation.kind in ("mm", "addmm")]
    assert used == [("layer",), ("own",), ("several",), ()]
