"""A program in which no value changes after something else refers to it, so that a node's operation says what it is."""

from __future__ import annotations

import operator
from collections.abc import Iterator

import torch
from torch import fx
from torch.export import ExportedProgram


def without_late_writes(program: ExportedProgram) -> ExportedProgram:
    """Return the program, with operations in place replaced where what they write is used elsewhere, too.

    The usual ones, such as a ReLU in place of a convolution's output, stay as they are.
    """
    place = {node: number for number, node in enumerate(program.graph.nodes)}
    if not any(_used_besides(value, node, place) for node in program.graph.nodes for value in written_by(node)):
        return program
    return _with_batch_norms(program.run_decompositions({}))


def written_by(node: fx.Node) -> Iterator[fx.Node]:
    """Yield the nodes whose values an operation changes."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return
    for number, argument in enumerate(node.target._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = node.args[number] if number < len(node.args) else node.kwargs.get(argument.name)
            if isinstance(value, fx.Node):
                yield value


def _used_besides(value: fx.Node, writer: fx.Node, place: dict[fx.Node, int]) -> bool:
    """Return whether a value that is written is a weight or an input, or is seen by something after the writing."""
    if value.op != "call_function":
        return True
    if any(place[user] > place[writer] or _shows(user) for user in value.users if user is not writer):
        return True
    before = value.args[0] if value.args and _shows(value) else None
    return isinstance(before, fx.Node) and (len(before.users) > 1 or _used_besides(before, value, place))


def _shows(node: fx.Node) -> bool:
    """Return whether an operation gives a view of its input."""
    if node.target is operator.getitem:
        return True
    if not isinstance(node.target, torch._ops.OpOverload):
        return False
    return any(entry.alias_info is not None and not entry.alias_info.is_write for entry in node.target._schema.returns)


def _with_batch_norms(program: ExportedProgram) -> ExportedProgram:
    """Return the program with batch normalisations in inference as `batch_norm` again."""
    graph = program.graph
    for node in list(graph.nodes):
        if node.target is not torch.ops.aten._native_batch_norm_legit_no_training.default:
            continue
        if any(user.args[1] != 0 or any(after.op == "output" for after in user.users) for user in node.users):
            continue
        x, weight, bias, mean, variance, momentum, eps = node.args
        with graph.inserting_before(node):
            arguments = (x, weight, bias, mean, variance, False, momentum, eps, False)
            made = graph.call_function(torch.ops.aten.batch_norm.default, arguments)
        for user in list(node.users):
            made.meta = dict(user.meta)
            user.replace_all_uses_with(made)
            graph.erase_node(user)
        graph.erase_node(node)
    program.graph_module.recompile()
    return program
