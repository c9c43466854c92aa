"""Capture by `torch.export`: every operation of the network is seen before it runs."""

from __future__ import annotations

import inspect
import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from pcmesh.network.attribution import attribute
from pcmesh.network.examples import Examples
from pcmesh.network.exported.edges import gives_tensor, graph_inputs
from pcmesh.network.exported.reasons import digital_rule
from pcmesh.network.operations.catalogue import Catalogue
from pcmesh.network.operations.constants import Constants
from pcmesh.network.operations.cost import operation_count, vectors_given
from pcmesh.network.operations.functional import without_late_writes
from pcmesh.network.operations.records import BATCH_NORM_FOLDED, CONSTANT, OperationRecord, Rule
from pcmesh.network.operations.rewrite import Context, argument
from pcmesh.network.operations.signs import Signs, kind_of
from pcmesh.network.operations.table import record_of
from pcmesh.network.products import Chain, MatrixProduct, Operation, ProductRuntime, tied_names

_PREFIX = "on_chip"
_VIEWS = (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default)

Pins = Mapping[str, Literal["digital", "analog"]]
"""Qualified name of a module -> where the user wants it."""


class Lowering(Protocol):
    """A pass that changes a captured network (`pcmesh.lowering`)."""

    def after(self, captured: CapturedNetwork) -> CapturedNetwork:
        """Return the captured network, changed."""


@dataclass(frozen=True)
class CapturedNetwork:
    """A network whose products with weights go through `runtime`, and what became of every operation.

    Attributes:
        module: called like the network.
        runtime: carries the products; its `products` say where they are computed.
        products: the matrices, each once.
        operations: every operation in order of execution.
        examples: what it was captured with.
        any_batch: whether it takes batches of any size.
        warnings: what a user should know.
        parameters: sizes of all parameters of the network by name.
        tied: name of a parameter that has several -> all its names.
        program: what `torch.export` made of it; None for a network whose own code runs.
        chains: products that hand their pulses from tile to tile (`lowering.hand_over`).
        signature: of the network's `forward`; None where only its exported form is known.
        lowered: the passes that changed it, in order.
    """

    module: nn.Module
    runtime: ProductRuntime
    products: tuple[MatrixProduct, ...]
    operations: tuple[Operation, ...]
    examples: Examples
    any_batch: bool
    warnings: tuple[str, ...]
    parameters: Mapping[str, int]
    tied: Mapping[str, tuple[str, ...]]
    program: ExportedProgram | None = None
    chains: tuple[Chain, ...] = ()
    signature: inspect.Signature | None = None
    lowered: tuple[Lowering, ...] = ()

    @property
    def weights(self) -> dict[str, Tensor]:
        """Matrices by name."""
        return {product.name: product.weight for product in self.products}


@contextmanager
def exporting() -> Iterator[None]:
    """Let one thread at a time export: what has to be set for it counts in the whole process.

    PyTorch neither fuses attention layers into one operation then, nor prints the graph of a network that it cannot
    trace: the exception says why.
    """
    with _EXPORTING, redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
        before, logged = torch.backends.mha.get_fastpath_enabled(), logging.root.manager.disable
        torch.backends.mha.set_fastpath_enabled(False)
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(logged)
            torch.backends.mha.set_fastpath_enabled(before)


_EXPORTING = threading.RLock()


def capture_exported(
    network: nn.Module,
    examples: Examples,
    block: tuple[int, int],
    pins: Pins,
    dynamic_shapes: Any = None,
) -> CapturedNetwork:
    """Capture a network with `torch.export`.

    Args:
        network: in evaluation mode.
        examples: what it is called with.
        block: (rows, columns) of a tile, to which groups of convolutions are gathered.
        pins: qualified name of a module -> where it is executed; an embedding is analog only if pinned so.
        dynamic_shapes: of `torch.export`; by default the samples' dimension is free.
    """
    examples = examples.at_least_two()
    with torch.no_grad(), exporting(), _named_arguments(network, examples.kwargs):
        shapes = _named(network, *examples.dynamic_shapes()) if dynamic_shapes is None else dynamic_shapes
        program = torch.export.export(network, examples.args, dict(examples.kwargs), dynamic_shapes=shapes)
    return capture_program(program, examples, block, pins, tied_names(network))


def capture_program(
    program: ExportedProgram,
    examples: Examples,
    block: tuple[int, int],
    pins: Pins,
    tied: Mapping[str, tuple[str, ...]],
) -> CapturedNetwork:
    """Capture an exported program; see `capture_exported`. `tied`: name of a parameter -> all names that it has."""
    program = without_late_writes(program)
    module = program.module(check_guards=False)
    assert isinstance(module, fx.GraphModule)
    return _Capture(program, module, examples, block, pins, tied).run()


def _named(network: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given to a network by the names of its parameters, as `torch.export` wants it."""
    return dict(inspect.signature(network.forward).bind(*args, **kwargs).arguments)


@contextmanager
def _named_arguments(network: nn.Module, kwargs: Mapping[str, Any]) -> Iterator[None]:
    """Let a network that takes any keywords (`**inputs`) name those that it is given: `torch.export` needs them."""
    forward = network.forward
    parameters = inspect.signature(forward).parameters.values()
    known = [parameter for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    if len(known) == len(parameters):
        yield
        return

    def named(*args: Any, **given: Any) -> Any:
        return forward(*args, **given)

    taken = {parameter.name for parameter in known}
    more = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in kwargs if name not in taken]
    named.__signature__ = inspect.Signature([*known, *more])  # type: ignore[attr-defined]
    network.forward = named
    try:
        yield
    finally:
        del network.forward


class _Capture:
    """One pass over an exported graph."""

    def __init__(
        self,
        program: ExportedProgram,
        module: fx.GraphModule,
        examples: Examples,
        block: tuple[int, int],
        pins: Pins,
        tied: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.program, self.module, self.examples, self.pins = program, module, examples, pins
        self.constants = Constants(module)
        self.catalogue = Catalogue(tied)
        self.folds: dict[fx.Node, fx.Node] = {}
        self.warnings: list[str] = []
        self.batch = self._batch_symbol()
        signs = Signs(self.constants, record_of)
        self.context = Context(self.catalogue, self.constants, signs, block, module_name, lambda node: self._fold(node))

    def run(self) -> CapturedNetwork:
        """Replace the products and list all operations."""
        operations: list[Operation] = []
        nodes = [node for node in self.module.graph.nodes if node.op == "call_function"]
        for node in nodes:
            fold = self._foldable(node)
            if fold is not None:
                self.folds[fold] = node
        inputs = graph_inputs(nodes, self.constants)
        for number, node in enumerate(nodes):
            found = self._visit(node, number)
            if found is not None:
                given = vectors_given(node.meta.get("val"), self.examples.size)
                operations.append(replace(found, name=node.name, inputs=inputs[node], gives=given))
        for node in nodes:
            if node.target in _VIEWS:  # where PyTorch's own result lies in memory in one piece, a layer's may not
                node.target = torch.ops.aten.reshape.default
        self.module.graph.eliminate_dead_code()
        self.module.graph.lint()
        self.module.recompile()
        any_batch = self.examples.batch_dim is not None and self.batch is not None
        if self.examples.batch_dim is not None and not any_batch:
            self.warnings.append(
                f"the network's own code fixes the batch at {self.examples.size} samples: call it with that many"
            )
        runtime = self.catalogue.runtime
        self.warnings += attribute(self.module, runtime, self.examples, any_batch)
        return CapturedNetwork(
            self.module,
            runtime,
            self.catalogue.products,
            tuple(operations),
            self.examples,
            any_batch,
            tuple(self.warnings),
            {name: parameter.numel() for name, parameter in self.program.named_parameters()},
            self.catalogue.tied,
            self.program,
        )

    def _visit(self, node: fx.Node, number: int) -> Operation | None:
        kind, name = kind_of(node), module_name(node)
        if not gives_tensor(node) or kind == "getitem":
            return None
        record = record_of(kind)
        cost = operation_count(node, record, self.examples.size)
        if node in self.folds.values():
            return Operation(name, kind, *BATCH_NORM_FOLDED[:2])
        if self.constants.is_constant(node):
            return Operation(name, kind, *CONSTANT[:2]) if self.constants.sources(node) else None
        one_hot = kind == "embedding" and self.pins.get(name) == "analog"
        if one_hot or (record.rewrite is not None and kind != "embedding"):
            return self._product(node, record, name, number, cost)
        rule = digital_rule(node, self.context)
        return Operation(name, kind, rule.where, rule.why, cost * rule.cost)

    def _product(self, node: fx.Node, record: OperationRecord, name: str, number: int, cost: float) -> Operation:
        rule, kind = record.rule(True), kind_of(node)
        pinned = self._pinned(name)
        found = None if pinned is not None or record.rewrite is None else record.rewrite(node, self.context)
        if found is None:
            self.folds.pop(node, None)
            other = Rule("digital", f"pinned ({pinned})") if pinned is not None else digital_rule(node, self.context)
            return Operation(name, kind, other.where, other.why, cost)
        target = f"{_PREFIX}_{number}"
        self.module.add_submodule(target, found.layer)
        with self.module.graph.inserting_before(node):
            made = self.module.graph.call_module(target, tuple(found.inputs))
        made.meta = dict(node.meta)
        if record.sign_on_tiles and node not in self.folds:
            self.context.signs.take_over(node, made)
        node.replace_all_uses_with(made)
        if node in self.folds:
            self.folds[node].replace_all_uses_with(made)
        return Operation(name, kind, rule.where, rule.why, cost, found.products, cells=found.cells)

    def _pinned(self, name: str) -> str | None:
        """Return the pin that keeps a module digital."""
        return next((entry for entry, pin in self.pins.items() if pin == "digital" and inside(name, entry)), None)

    def _foldable(self, node: fx.Node) -> fx.Node | None:
        """Return the product whose columns a batch normalisation only scales and shifts."""
        if kind_of(node) != "batch_norm" or argument(node, 5, "training"):
            return None
        before = node.args[0]
        if not isinstance(before, fx.Node) or len(before.users) != 1 or argument(node, 3, "running_mean") is None:
            return None
        kind = kind_of(before)
        columns_second = kind.startswith("conv") or (kind in ("linear", "addmm") and before.meta["val"].dim() == 2)
        constant = columns_second and self._only_scales(before, 1 if kind == "addmm" else 0)
        pinned = self._pinned(module_name(before)) is not None
        return before if constant and not pinned and not self.constants.is_constant(before) else None

    def _only_scales(self, node: fx.Node, position: int) -> bool:
        """Return whether a node's only computed input is the one at this position, and nothing has a factor."""
        others = (entry for entry in node.all_input_nodes if entry is not node.args[position])
        return not {"alpha", "beta"} & set(node.kwargs) and all(map(self.constants.is_constant, others))

    def _fold(self, node: fx.Node) -> tuple[Tensor, Tensor] | None:
        norm = self.folds.get(node)
        if norm is None:
            return None
        factor, term, mean, variance = (self.constants.value(entry) for entry in norm.args[1:5])
        scale = torch.rsqrt(variance + argument(norm, 7, "eps", 1e-5))
        scale = scale if factor is None else scale * factor
        shift = -mean * scale
        return scale, shift if term is None else shift + term

    def _batch_symbol(self) -> Any:
        """Return the symbol that stands for the number of samples, or None where it is fixed."""
        if self.examples.batch_dim is None:
            return None
        for node in self.module.graph.nodes:
            value = node.meta.get("val")
            if node.op == "placeholder" and isinstance(value, Tensor) and value.dim() > self.examples.batch_dim:
                size = value.shape[self.examples.batch_dim]
                if isinstance(size, torch.SymInt) and size.node.expr.free_symbols:
                    return size.node.expr
        return None


def module_name(node: fx.Node) -> str:
    """Return the qualified name of the module that a node comes from ('' for the network itself)."""
    stack = node.meta.get("nn_module_stack") or {}
    names = [entry[0] for entry in stack.values() if not entry[0].startswith("_empty")]
    return str(names[-1]) if names else ""


def inside(name: str, module: str) -> bool:
    """Return whether a module is, or lies in, another one."""
    return name == module or name.startswith(f"{module}.")
