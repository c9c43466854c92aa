"""Calls unlike the example: like PyTorch, or one error that names the argument; and data that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pcmesh
from pcmesh.analysis.evaluate import evaluate
from pcmesh.errors import InputError


class Net(nn.Module):
    """Arguments of many kinds."""

    def __init__(self, branching: bool = False) -> None:
        super().__init__()
        self.one, self.branching = nn.Linear(8, 4), branching

    def forward(self, x: Tensor, mask: Tensor | None = None, *, factor: int = 2, more: Any = None) -> Tensor:
        if self.branching and float(x.abs().max()) > 1e9:
            raise ValueError
        y: Tensor = self.one(x) * factor
        if more is not None:
            y = y + more["shift"]
        return y if mask is None else y * mask


X, MASK = torch.randn(64, 8, generator=torch.Generator().manual_seed(0)), torch.ones(64, 4)


@pytest.fixture(scope="module", params=["exported", "loaded", "own code"])
def chip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pcmesh.ChipModel:
    torch.manual_seed(0)
    made = pcmesh.compile(Net(request.param == "own code"), (X, MASK))
    if request.param != "loaded":
        return made
    folder = tmp_path_factory.mktemp("chip") / "chip"
    made.save(folder)
    return pcmesh.load(folder)


def test_arguments_by_name_are_those_by_position(chip: pcmesh.ChipModel) -> None:
    wanted = chip(X, MASK)
    assert torch.equal(chip(x=X, mask=MASK), wanted)
    assert torch.equal(chip(mask=MASK, x=X), wanted)
    assert torch.equal(chip(X, mask=MASK), wanted)
    assert torch.equal(chip.software(mask=MASK, x=X), chip.software(X, MASK))


def test_compiled_by_name_and_called_by_position() -> None:
    torch.manual_seed(0)
    made = pcmesh.compile(Net(), {"mask": MASK, "x": X})
    assert torch.equal(made(X, MASK), made(x=X, mask=MASK))
    assert torch.equal(made(X, MASK, factor=2, more=None), made(x=X, mask=MASK))  # what they are without


def test_a_default_may_be_given() -> None:
    made = pcmesh.compile(Net(), X)
    assert torch.equal(made(X, None), made(X))
    with pytest.raises(InputError, match="argument 'mask': the network was compiled without it"):
        made(X, MASK)


WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "nothing": (lambda m: m(), "missing a required argument: 'x'"),
    "too many": (lambda m: m(X, MASK, MASK), "too many positional arguments"),
    "an unknown name": (lambda m: m(X, MASK, foo=1), "foo"),
    "twice": (lambda m: m(X, MASK, x=X), "multiple values|too many"),
    "another dimension": (lambda m: m(X[0], MASK), "argument 'x' has 1 dimensions, the example had 2"),
    "integers": (lambda m: m(X.long(), MASK), r"argument 'x' is of type torch\.int64"),
    "doubles": (lambda m: m(X.double(), MASK), r"argument 'x' is of type torch\.float64"),
}
EXPORTED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "one less": (lambda m: m(X), "argument 'mask' is missing|missing a required argument: 'mask'"),
    "None for a tensor": (lambda m: m(X, None), "argument 'mask'"),
    "a list for a tensor": (lambda m: m(X, [1.0]), "argument 'mask'"),
    "another width": (lambda m: m(X[:, :7], MASK), "argument 'x' has size 7 in dimension 1, .* with 8"),
    "two batches": (lambda m: m(X, MASK[:3]), "sizes that must be one: 64 in dimension 0 of 'x', 3 in .* 'mask'"),
}


@pytest.mark.parametrize("case", {**WRONG, **EXPORTED})
def test_what_does_not_fit_is_named(chip: pcmesh.ChipModel, case: str) -> None:
    if case in EXPORTED and chip.program.captured.program is None:
        pytest.skip("its own code takes or refuses it as PyTorch does")
    call, words = {**WRONG, **EXPORTED}[case]
    for model in (chip, chip.without_noise(), chip.software):
        with pytest.raises(InputError, match=words):
            call(model)


def test_own_code_takes_what_the_network_takes() -> None:
    made = pcmesh.compile(Net(branching=True), X, chip="ideal", clipped_share=0.0)
    network = Net(branching=True)
    network.load_state_dict({name.removeprefix("network."): x for name, x in made.state_dict().items()})
    with torch.no_grad():
        wanted = network(X, MASK, factor=3, more={"shift": 1.0})
    torch.testing.assert_close(made(X, MASK, factor=3, more={"shift": 1.0}), wanted, atol=0.02, rtol=0)


def test_values_that_were_exported() -> None:
    class Powers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(8, 4)

        def forward(self, x: Tensor, power: int, parts: dict[str, Tensor]) -> Tensor:
            y: Tensor = self.one(x) ** power + parts["a"]
            return y

    parts = {"a": torch.ones(64, 4)}
    made = pcmesh.compile(Powers(), (X, 2, parts))
    assert torch.equal(made(X, power=2, parts=parts), made(X, 2, parts))
    with pytest.raises(InputError, match="argument 'power' is 3, the network was compiled with 2"):
        made(X, 3, parts)
    with pytest.raises(InputError, match="argument 'parts' is built otherwise"):
        made(X, 2, {"b": parts["a"]})


def test_whole_numbers_of_another_size_are_the_same_numbers() -> None:
    network = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 3))
    tokens = torch.randint(0, 9, (32, 4))
    made = pcmesh.compile(network, tokens)
    assert torch.equal(made(tokens.to(torch.int32)), made(tokens))
    with pytest.raises(InputError, match="argument 'input' is of type"):
        made(tokens.float())


DATA: dict[str, tuple[list[Any], str]] = {
    "width": ([torch.randn(4, 6), torch.randn(4, 5)], "batch 1: argument 'input' has size 5 in dimension 1"),
    "no samples": ([torch.randn(0, 6)], r"batch 0 holds no samples: \(0, 6\)"),
    "fewer labels": ([(torch.randn(4, 6), torch.zeros(3).long())], r"batch 0: 3 labels \(3,\) for 4 outputs \(4, 3\)"),
    "a class too high": ([(torch.randn(3, 6), torch.tensor([0, 3, 1]))], "batch 0: label 3 of sample 1 is none of 3"),
    "a class below 0": ([(torch.randn(2, 6), torch.tensor([0, -1]))], "label -1 of sample 1"),
    "labels that are words": ([(torch.randn(2, 6), ["a", "b"])], "batch 0: its labels are a list"),
    "nothing": ([], "no batches"),
}


@pytest.mark.parametrize("case", DATA)
def test_data_that_do_not_fit(case: str) -> None:
    torch.manual_seed(0)
    made = pcmesh.compile(nn.Sequential(nn.Linear(6, 3)), torch.randn(64, 6))
    data, words = DATA[case]
    with pytest.raises(InputError, match=words):
        evaluate(made, data)


def test_too_little_memory_is_no_wrong_input() -> None:
    class Huge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            raise MemoryError(len(x))

    with pytest.raises(MemoryError):
        pcmesh.compile(Huge(), torch.randn(2, 4))
