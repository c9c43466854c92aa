"""Capture of networks that `torch.export` cannot trace: their own code runs, and PyTorch's dispatcher is watched.

Whatever way a network takes through its code, every product with a weight passes here as one of a few ATen operations
(attention is split into them; recurrent layers, packed sequences too, are taken as a whole), so none can run digitally
unseen. What this way cannot do: fold batch normalisations, or tell signs apart.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from pcmesh.checks import unknown
from pcmesh.errors import ConfigurationError
from pcmesh.network.attribution import attribute
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork, Pins
from pcmesh.network.layers import Affine, AnalogConvolution, AnalogTransposedConvolution, CellCalls, ConvolutionShape
from pcmesh.network.layers.gates import Kind
from pcmesh.network.operations.catalogue import Catalogue
from pcmesh.network.operations.contraction import CONTRACTIONS
from pcmesh.network.own_code.contraction import contracted
from pcmesh.network.own_code.copies import ModuleCopies
from pcmesh.network.own_code.reasons import digital_rule
from pcmesh.network.own_code.recurrent import RecurrentCalls
from pcmesh.network.own_code.seen import OwnCodeRun, Seen
from pcmesh.network.products import tied_names

_PRODUCTS = {"mm": 0, "addmm": 1}


class EagerNetwork(nn.Module):
    """A network whose products with weights go to the chip while its own code runs."""

    def __init__(self, network: nn.Module, seen: Seen, batch_dim: int | None) -> None:
        super().__init__()
        self.network = network
        self._seen, self._batch_dim, self._copies = seen, batch_dim, ModuleCopies(network)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network's own code.

        Within `RecurrentCalls` PyTorch does not fuse whole attention layers, which has no setting of a thread's own.
        """
        return self.called("", args, kwargs)

    def called(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run the code of a module of the network ('': the network's own).

        Not in inference mode, nor with tensors made in it, which PyTorch does not take apart as it did the examples.
        """
        batch = Examples.of(tuple(args) or kwargs, self._batch_dim).size
        with self._copies.one() as copy:
            run = OwnCodeRun(self._seen, copy, batch)
            with torch.inference_mode(False):
                args, kwargs = pytree.tree_map(_of_no_inference, (tuple(args), dict(kwargs)))
                with run.following(), _Watch(run), RecurrentCalls(run):
                    return copy.network.get_submodule(name)(*args, **kwargs)

    def change_recurrent(self, change: Callable[[Kind, CellCalls], CellCalls]) -> None:
        """Let the steps of recurrent layers call other products."""
        for place, made in self._seen.made.items():
            if isinstance(made, list):
                kind = place[0][0]  # type: ignore[index]
                self._seen.made[place] = [(change(kind, calls), *affine) for calls, *affine in made]


class EagerPart(nn.Module):
    """A module of a network whose own code runs, called alone."""

    def __init__(self, whole: EagerNetwork, name: str) -> None:
        super().__init__()
        self.whole, self.name = whole, name

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module's code."""
        return self.whole.called(self.name, args, kwargs)


def part_of(captured: CapturedNetwork, name: str) -> CapturedNetwork:
    """Return a captured network that is called at one of its modules.

    Raises:
        ConfigurationError: there is no such module, or the network was exported, which has one entry only.
    """
    whole = captured.module
    if not isinstance(whole, EagerNetwork):
        raise ConfigurationError(
            "an exported network is called as a whole", "Compile it with capture_by='eager', which keeps its modules"
        )
    try:
        module = whole.network.get_submodule(name)
    except AttributeError as error:
        raise unknown("module", name, [entry for entry, _ in whole.network.named_modules() if entry]) from error
    examples = Examples((), {}, captured.examples.batch_dim, captured.examples.size)
    signature = inspect.signature(module.forward)
    return replace(captured, module=EagerPart(whole, name), examples=examples, signature=signature)


def capture_eager(
    network: nn.Module, examples: Examples, block: tuple[int, int], why: str, pins: Pins | None = None
) -> CapturedNetwork:
    """Capture a network by running it once under the dispatcher's eyes.

    Args:
        network: in evaluation mode.
        examples: what it is called with.
        block: (rows, columns) of a tile.
        pins: qualified name of a module -> where it is executed; an embedding is analog only if pinned so.
        why: why exporting it failed, for the warning.

    Raises:
        UnsupportedModelError: a product with a weight is of a kind that is not supported; the module is named.
    """
    tied = tied_names(network)
    seen = Seen(block, pins or {}, Catalogue(tied))
    module = EagerNetwork(network, seen, examples.batch_dim)
    with torch.no_grad():
        module(*examples.args, **examples.kwargs)
    operations = tuple(seen.operations)
    seen.recording = False
    own = f"torch.export cannot trace it ({why}): its own Python code runs, with products sent to the chip"
    return CapturedNetwork(
        module,
        seen.catalogue.runtime,
        seen.catalogue.products,
        operations,
        examples,
        True,
        (own, *attribute(module, seen.catalogue.runtime, examples, True)),
        {name: parameter.numel() for name, parameter in network.named_parameters()},
        tied,
    )


def _of_no_inference(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, Tensor) and leaf.is_inference() else leaf


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sends products with weights to the chip, and lets everything else pass."""

    def __init__(self, run: OwnCodeRun) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.run = run

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kind, run = func.overloadpacket.__name__, self.run
        kwargs = kwargs or {}
        found = self._on_tiles(kind, args, kwargs)
        if found is not None:
            return found
        out = func(*args, **kwargs)
        if run.seen.recording:
            rule, cost = digital_rule(run, kind, args, kwargs, out)
            run.note(kind, (), (args, kwargs), out, cost, rule=rule)
        run.known.follow(func, args, kwargs, out)
        return out

    def _on_tiles(self, kind: str, args: Any, kwargs: Any) -> Tensor | None:
        """Return the result of a product with a weight, or None where it is another operation."""
        run = self.run
        if kind in _PRODUCTS and run.on_tiles(args[_PRODUCTS[kind] + 1]) and not kwargs:
            if run.sources(args[_PRODUCTS[kind]]):
                return None  # of weights alone
            return self._product(kind, args)
        if kind in CONTRACTIONS:
            return contracted(run, kind, args, kwargs)
        if kind == "convolution" and run.on_tiles(args[1]) and not run.sources(args[0]):
            return self._convolution(args)
        if kind == "embedding" and run.sources(args[0]) and run.seen.pins.get(run.where) == "analog":
            return self._embedding(*args[:2])
        return None

    def _product(self, kind: str, args: Any) -> Tensor:
        x, weight = args[_PRODUCTS[kind]], args[_PRODUCTS[kind] + 1]
        products = self.run.products(weight, lambda: [weight])
        out = products(x)
        out = args[0] + out if kind == "addmm" else out
        self.run.note(kind, products.names, args, out, 2.0 * x.numel() * weight.shape[1])
        return out

    def _convolution(self, args: Any) -> Tensor:
        x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = args
        kernel = tuple(weight.shape[2:])
        shape = ConvolutionShape(
            kernel, tuple(stride), tuple(padding), tuple(padding), tuple(dilation), tuple(output_padding), groups
        )
        products = self.run.products(
            weight, lambda: [m.flatten(1) if transposed else m.flatten(1).t() for m in weight.chunk(groups)]
        )

        def make() -> AnalogConvolution | AnalogTransposedConvolution:
            affine = Affine(None, bias)
            if transposed:
                return AnalogTransposedConvolution(products, affine, shape, weight.shape[1] * groups)
            return AnalogConvolution(products, affine, shape)

        y: Tensor = self.run.once((shape, transposed), weight, make)(x).contiguous()  # the code behind may take views
        each = weight[0].numel()
        self.run.note("convolution", products.names, args, y, 2.0 * (x if transposed else y).numel() * each)
        return y

    def _embedding(self, table: Tensor, tokens: Tensor) -> Tensor:
        products = self.run.products(table, lambda: [table], signed=False)
        out = products(nn.functional.one_hot(tokens.long(), table.shape[0]).to(table.dtype))
        self.run.note("embedding", products.names, tokens, out, 2.0 * out.numel() * table.shape[0])
        return out
