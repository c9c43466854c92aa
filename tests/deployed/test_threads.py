"""Any number of threads call chip models and what is derived from them, and get the bits of serial calls."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import pcmesh
from pcmesh.analysis.sensitivity.float_network import FloatNetwork

THREADS = 8


class Keeping(nn.Module):
    """Its own code runs, since what it does depends on data; it keeps values on itself while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(12, 16)
        self.encoder = nn.TransformerEncoderLayer(16, 2, 24, dropout=0.0, batch_first=True)
        self.register_buffer("scratch", torch.zeros(1, 4, 16))
        self.last = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        if float(x.abs().max()) > 1e9:
            raise ValueError
        self.kept = self.first(x.reshape(-1, 4, 12))
        self.scratch = self.kept * 1.0
        self.kept = self.encoder(self.kept)
        y: Tensor = self.last(self.kept + self.scratch)
        return y.flatten(1)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(12, 10, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.lstm(x.reshape(-1, 4, 12))[0]
        return y.flatten(1)


class Packed(Recurrent):
    def forward(self, x: Tensor) -> Tensor:
        steps = x.reshape(-1, 4, 12)
        lengths = (x.abs().sum(1) * 10).long() % 4 + 1
        packed = pack_padded_sequence(steps, lengths, batch_first=True, enforce_sorted=False)
        y: Tensor = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=4)[0]
        return y.flatten(1)


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(48, 40), nn.ReLU(), nn.Linear(40, 5))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "exported": (plain, {}),
    "sharing tiles": (plain, {"pack": True}),
    "own code": (Keeping, {}),
    "LSTM": (Recurrent, {}),
    "packed sequences": (Packed, {}),
}


@pytest.fixture(scope="module", params=NETWORKS)
def on_chip(request: pytest.FixtureRequest) -> pcmesh.ChipModel:
    torch.manual_seed(0)
    make, options = NETWORKS[request.param]
    return pcmesh.compile(make(), torch.randn(64, 48), **options)


@pytest.fixture
def busy() -> Iterator[None]:
    """Let threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("busy")
def test_threads_get_the_bits_of_serial_calls(on_chip: pcmesh.ChipModel) -> None:
    torch.manual_seed(1)
    batches = [torch.randn(rows, 48) for rows in (1, 3, 7, 16)]

    def named(x: Tensor) -> Any:
        with on_chip.samples([f"sample {n}" for n in range(len(x))]):
            return on_chip(x)

    def derived() -> list[Callable[[Tensor], Any]]:
        """Return what is derived, made anew: their layers are not yet built."""
        aged = on_chip.at("1w")
        floating = FloatNetwork.of(on_chip)
        return [on_chip, on_chip.without_noise(), aged, aged.recalibrate(), on_chip.software, named, floating]

    calls = derived()
    serial = [[call(x) for x in batches] for call in calls]
    assert all(not torch.equal(a[3], b[3]) for a, b in pairwise(serial))
    jobs = [(c, b) for turn in range(3) for b in range(len(batches)) for c in range(len(calls))]
    again = derived()
    with ThreadPoolExecutor(THREADS) as pool:
        got = list(pool.map(lambda job: again[job[0]](batches[job[1]]), jobs))
    wrong = [(calls[c], b) for (c, b), out in zip(jobs, got, strict=True) if not torch.equal(out, serial[c][b])]
    assert not wrong


def test_another_instance_at_the_same_time(on_chip: pcmesh.ChipModel) -> None:
    x = torch.randn(4, 48)
    other = on_chip.on(number=1)
    serial = [on_chip(x), other(x)]
    with ThreadPoolExecutor(THREADS) as pool:
        got = list(pool.map(lambda n: (on_chip, other)[n % 2](x), range(24)))
    assert all(torch.equal(out, serial[n % 2]) for n, out in enumerate(got))


def test_a_call_within_the_names_of_another_model(on_chip: pcmesh.ChipModel) -> None:
    x, quiet = torch.randn(2, 48), on_chip.without_noise()
    with on_chip.samples(["a", "b"]):
        outer = on_chip(x)
        with on_chip.samples(["c", "d"]):
            assert not torch.equal(on_chip(x), outer)
        assert torch.equal(on_chip(x), outer)
        assert torch.equal(quiet(x), on_chip.without_noise()(x))


@dataclass
class Watched:
    """Products that look at all that can be reached from a model while it runs."""

    model: pcmesh.ChipModel
    own: Any
    seen: list[dict[str, object]]

    def product(self, layer: str, x: Tensor, keys: Tensor | None) -> Tensor:
        self.seen.append(reachable(self.model))
        out: Tensor = self.own.product(layer, x, keys)
        return out


def test_a_call_changes_nothing_that_can_be_reached_from_the_model(on_chip: pcmesh.ChipModel) -> None:
    model = on_chip.without_noise().at(0.0)
    x = torch.randn(3, 48)
    model(x)
    before = reachable(model)
    watched = Watched(model, model.products, [])
    model.products = watched  # type: ignore[assignment]
    model(x)
    model.products = watched.own
    for during in (*watched.seen, reachable(model)):
        assert {place for place in before.keys() | during.keys() if before.get(place) != during.get(place)} == set()
    assert len(watched.seen) >= 2


_LEAVES = (Tensor, FunctionType, BuiltinFunctionType, ModuleType, type, str, bytes, Watched)
_APART = frozenset({"products", "_copies"})
"""The spy itself; and the copies of a network's modules, of which each call at a time has one."""


def reachable(model: object) -> dict[str, object]:
    """Return everything that can be reached through attributes and containers: place -> what is there."""
    found: dict[str, object] = {}
    kept: dict[int, object] = {}
    todo: list[tuple[str, object]] = [("model", model)]
    while todo:
        place, value = todo.pop()
        found[place] = value if isinstance(value, int | float | str | bool | None) else id(value)
        if isinstance(value, _LEAVES) or id(value) in kept:
            continue
        kept[id(value)] = value
        if isinstance(value, dict):
            todo += [(f"{place}[{key!r}]", entry) for key, entry in value.items() if isinstance(key, str | int)]
        elif isinstance(value, list | tuple):
            todo += [(f"{place}[{number}]", entry) for number, entry in enumerate(value)]
        elif type(value).__module__.startswith(("pcmesh", "torch.nn", "torch.fx.graph_module", "test")):
            todo += [(f"{place}.{name}", entry) for name, entry in vars(value).items() if name not in _APART]
    return found
