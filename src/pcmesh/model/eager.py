"""Capture of networks that `torch.export` cannot trace: their own code runs, and PyTorch's dispatcher is watched.

Whatever way a network takes through its code, every product with a weight passes here as one of a few ATen operations
(LSTM and attention are split into them), so none can run digitally unseen. What this way cannot do: fold batch
normalisations, tell signs apart, or keep samples' noise apart where a batch is laid out unusually.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.hooks import RemovableHandle

from pcmesh.errors import UnsupportedModelError
from pcmesh.model.catalogue import Catalogue
from pcmesh.model.examples import Examples
from pcmesh.model.exported import CapturedNetwork, plain_attention
from pcmesh.model.layers import ConvolutionShape, gathered
from pcmesh.model.layers.convolution import unfold
from pcmesh.model.operations import ANALOG, rule_of
from pcmesh.model.products import Operation, ProductCall, tied_names
from pcmesh.model.samples import SampleAxis

Place = tuple[int, ...]
_PRODUCTS = {"mm": 0, "addmm": 1}


class EagerNetwork(nn.Module):
    """A network whose products with weights go to the chip while its own code runs."""

    def __init__(self, network: nn.Module, products: _Seen) -> None:
        super().__init__()
        self.network = network
        self._seen = products

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network's own code."""
        self._seen.start(_batch_of(args, kwargs))
        with _unfused(), _Watch(self._seen):
            return self.network(*args, **kwargs)


def capture_eager(network: nn.Module, examples: Examples, block: tuple[int, int], why: str) -> CapturedNetwork:
    """Capture a network by running it once under the dispatcher's eyes.

    Args:
        network: in evaluation mode.
        examples: what it is called with.
        block: (rows, columns) of a tile.
        why: why exporting it failed, for the warning.

    Raises:
        UnsupportedModelError: a product with a weight is of a kind that is not supported; the module is named.
    """
    seen = _Seen(network, block)
    module = EagerNetwork(network, seen)
    with torch.no_grad():
        module(*examples.args, **examples.kwargs)
    operations = tuple(seen.operations)
    seen.recording = False
    return CapturedNetwork(
        module,
        seen.catalogue.runtime,
        seen.catalogue.products,
        operations,
        examples,
        True,
        (f"torch.export cannot trace it ({why}): its own Python code runs, with products sent to the chip",),
        {name: parameter.numel() for name, parameter in network.named_parameters()},
        tied_names(network),
    )


@contextmanager
def _unfused() -> Iterator[None]:
    with plain_attention(), torch.backends.mkldnn.flags(enabled=False):
        yield


def _batch_of(args: Any, kwargs: Any) -> int:
    return Examples.of(args or kwargs).size


def follow_modules(network: nn.Module, place: list[str]) -> list[RemovableHandle]:
    """Keep the qualified names of the modules that are running in `place`, the innermost last; returns the hooks."""
    handles = []
    for name, module in network.named_modules():
        handles.append(module.register_forward_pre_hook(partial(_enter, place, name)))
        handles.append(module.register_forward_hook(partial(_leave, place)))
    return handles


def _enter(place: list[str], name: str, _module: nn.Module, _args: Any) -> None:
    place.append(name)


def _leave(place: list[str], _module: nn.Module, _args: Any, _output: Any) -> None:
    place.pop()


class _Seen:
    """The weights by where they lie in memory, and the operations of one run."""

    def __init__(self, network: nn.Module, block: tuple[int, int]) -> None:
        self.names: dict[int, str] = {}
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            if tensor.is_floating_point() and tensor.dim() >= 2:
                self.names.setdefault(tensor.untyped_storage().data_ptr(), name)
        self.block = block
        self.catalogue = Catalogue(tied_names(network))
        self.operations: list[Operation] = []
        self.recording = True
        self.module: list[str] = []
        self.calls: dict[tuple[Place, int], list[ProductCall]] = {}
        self.count: dict[str, int] = {}
        self.batch = 1
        follow_modules(network, self.module)

    def start(self, batch: int) -> None:
        """Begin a run with so many samples."""
        self.module.clear()
        self.count.clear()
        self.batch = batch

    @property
    def where(self) -> str:
        """Qualified name of the module that runs."""
        return self.module[-1] if self.module else ""

    def weight_name(self, tensor: Any) -> str | None:
        """Return the name of the parameter that a tensor is, or is a view of."""
        if not isinstance(tensor, Tensor) or tensor.dim() < 2:
            return None
        return self.names.get(tensor.untyped_storage().data_ptr())

    def product(self, x: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
        """Return x (..., rows) @ weight (rows, columns, or groups of them) from wherever products are computed."""
        place = (weight.untyped_storage().data_ptr(), int(weight.storage_offset()), *weight.shape, *weight.stride())
        calls = self.calls.get((place, groups)) or self._register((place, groups), weight, groups)
        parts = torch.split(x, [self.catalogue.weights[c.name].shape[0] for c in calls], -1) if len(calls) > 1 else (x,)
        return torch.cat([self._run(call, part) for call, part in zip(calls, parts, strict=True)], -1)

    def _run(self, call: ProductCall, x: Tensor) -> Tensor:
        step = self.count[call.name] = self.count.get(call.name, -1) + 1
        axis = SampleAxis(0) if x.shape[0] % self.batch == 0 else None
        return self.catalogue.runtime.run(call.name, x, axis, 0, step)

    def _register(self, key: tuple[Place, int], weight: Tensor, groups: int) -> list[ProductCall]:
        name = self.weight_name(weight)
        assert name is not None
        if not self.recording:
            raise UnsupportedModelError(
                f"{self.where or 'the network'}: uses {name}, which the examples' run did not",
                "Compile with example inputs that take every way through the network's code",
            )
        matrices = list(weight.chunk(groups, dim=0 if groups > 1 else 1)) if groups > 1 else [weight]
        if groups > 1:
            matrices = [m.flatten(1).t() if m.dim() > 2 else m for m in matrices]
        blocks = gathered(matrices, self.block)
        calls = [self.catalogue.call(block, (name,), self.where, True, None) for block in blocks]
        self.calls[key] = calls
        return calls

    def note(self, kind: str, products: Sequence[ProductCall], out: Any, cost: float) -> None:
        """Keep an operation for the summary."""
        if not self.recording:
            return
        rule = ANALOG[kind] if products else rule_of(kind)
        elements = out.numel() if isinstance(out, Tensor) else 0
        scalar = cost if products else elements * rule.cost
        names = tuple(call.name for call in products)
        self.operations.append(Operation(self.where, kind, rule.where, rule.why, scalar / self.batch, names))


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sends products with weights to the chip, and lets everything else pass."""

    def __init__(self, seen: _Seen) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = seen

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kind = func.overloadpacket.__name__
        seen = self.seen
        if kind in _PRODUCTS and seen.weight_name(args[_PRODUCTS[kind] + 1]) is not None and not kwargs:
            x, weight = args[_PRODUCTS[kind]], args[_PRODUCTS[kind] + 1]
            out = seen.product(x, weight)
            out = args[0] + out if kind == "addmm" else out
            self._note(kind, weight, out, 2.0 * x.numel() * weight.shape[1])
            return out
        if kind == "convolution" and seen.weight_name(args[1]) is not None:
            return self._convolution(func, args, kwargs or {})
        out = func(*args, **(kwargs or {}))
        seen.note(kind, (), out, 0.0)
        return out

    def _note(self, kind: str, weight: Tensor, out: Tensor, cost: float) -> None:
        place = weight.untyped_storage().data_ptr()
        calls = [call for (key, _), found in self.seen.calls.items() if key[0] == place for call in found]
        self.seen.note(kind, calls, out, cost)

    def _convolution(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        x, weight, bias, stride, padding, dilation, transposed, _, groups = args
        if transposed:
            out: Tensor = func(*args, **kwargs)
            self.seen.note("convolution", (), out, 0.0)
            return out
        shape = ConvolutionShape(
            tuple(weight.shape[2:]), tuple(stride), tuple(padding), tuple(padding), tuple(dilation), groups=groups
        )
        patches, places = unfold(x, shape)
        matrix = weight if groups > 1 else weight.flatten(1).t()
        y = self.seen.product(patches, matrix, groups).transpose(1, 2)
        y = y.reshape(y.shape[0], y.shape[1], *places)
        self._note("convolution", weight, y, 2.0 * y.numel() * weight[0].numel())
        return y if bias is None else y + bias.view(-1, *([1] * len(places)))
