"""What a stored graph may hold: checked before PyTorch reads it, since PyTorch trusts what it reads.

PyTorch evaluates symbolic expressions, writes names into Python code that it runs, imports modules that are named and
calls any function that is named. So every expression follows a small grammar, every name is one, every operation is
one of PyTorch's own that computes.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

_NAME = re.compile(r"[^\W\d]\w{0,499}")
_QUALIFIED = re.compile(r"""[^"'\\{}]{0,500}""")
_SYMBOL = re.compile(r"[a-z]{1,4}\d{1,6}")
_RANGE = re.compile(r"[a-z]{1,4}\d{1,4}")
_OPERATOR = re.compile(r"torch\.ops\.(aten|torchvision)\.([A-Za-z0-9_]+)\.([A-Za-z0-9_]+)")
_HIGHER = re.compile(
    r"torch\.ops\.higher_order\.(cond|while_loop|map_impl|scan|wrap_with_set_grad_enabled|wrap_with_autocast)"
)
_ARITHMETIC = re.compile(
    r"_operator\.(eq|ne|le|ge|lt|gt|neg|pos|mul|add|sub|floordiv|truediv|mod|pow|and_|or_|lshift|rshift|getitem)"
    r"|math\.(trunc|ceil|floor|sqrt)|torch\.sym_(not|int|float|ite|max|min|sqrt|sum)"
    r"|torch\._sym_(sqrt|ceil|floor|trunc)"
)
_TEXT_ARGUMENTS = frozenset({"rounding_mode", "approximate", "mode", "equation", "indexing", "padding_mode", "padding"})
"""Arguments of operations that are texts and choose what is computed; others name files, or are printed."""

_NUMBERS = frozenset({"Integer", "Rational", "Float"})
_FUNCTIONS = re.compile(
    "Add|Mul|Pow|Max|Min|Mod|Abs|And|Or|Not|Eq|Ne|Lt|Le|Gt|Ge|Equality|Unequality|StrictLessThan|LessThan"
    "|StrictGreaterThan|GreaterThan|floor|ceiling|Piecewise|ExprCondPair|Tuple|FloorDiv|ModularIndexing|Where|PythonMod"
    "|CleanDiv|CeilToInt|FloorToInt|CeilDiv|LShift|RShift|PowByNatural|FloatPow|FloatTrueDiv|IntTrueDiv"
    "|IsNonOverlappingAndDenseIndicator|TruncToFloat|TruncToInt|RoundToInt|RoundDecimal|ToFloat|Identity"
)
_CONSTANTS = frozenset({"true", "false"})
_POWERS = frozenset({"Pow", "PowByNatural", "FloatPow", "LShift"})
_LARGEST_POWER, _LARGEST_NUMBER = 16, 1 << 63
_LONGEST_EXPRESSION, _LONGEST_TEXT = 4000, 20_000


class UnsafeGraphError(ValueError):
    """A stored graph holds something that it must not."""


def check_graph(program: Any) -> None:
    """Check an exported program, as JSON.

    Raises:
        UnsafeGraphError: it holds something else than data of a network.
    """
    if not isinstance(program, dict):
        raise UnsafeGraphError("it is no exported network")
    if program.get("guards_code"):
        raise UnsafeGraphError("it holds code (guards_code)")
    if not set(program.get("verifiers", ())) <= {"ATEN", "TRAINING", ""}:
        raise UnsafeGraphError("it names verifiers that are unknown")
    ranges = program.get("range_constraints")
    if not isinstance(ranges, dict) or not all(_RANGE.fullmatch(name) for name in ranges):
        raise UnsafeGraphError("its range_constraints have no such names")
    _walk(program, "")


def _walk(value: Any, key: str) -> None:
    """Check everything below a key of the JSON."""
    if isinstance(value, dict):
        for name, entry in value.items():
            _check_key(key, name)
            _walk(entry, name)
    elif isinstance(value, list):
        for entry in value:
            _walk(entry, key)
    elif isinstance(value, str):
        _CHECKS.get(key, _check_text)(value)


def _check_key(key: str, name: str) -> None:
    allowed = _KEYS.get(key, _NAME)
    if not allowed.fullmatch(name):
        raise UnsafeGraphError(f"{name[:40]!r} is no name in {key or 'it'}")


def _check_text(value: str) -> None:
    if not value.isprintable() or len(value) > _LONGEST_TEXT:
        raise UnsafeGraphError(f"{value[:40]!r} is no plain text")


def _check_name(value: str) -> None:
    if value and not _NAME.fullmatch(value):
        raise UnsafeGraphError(f"{value[:40]!r} is no name")


def _check_qualified(value: str) -> None:
    if not (_QUALIFIED.fullmatch(value) and value.isprintable()):
        raise UnsafeGraphError(f"{value[:40]!r} is no name of a module or a tensor")


def _refuse(value: str) -> None:
    raise UnsafeGraphError(f"it holds an object of its own ({value[:40]!r})")


def _check_operator(value: str) -> None:
    if _ARITHMETIC.fullmatch(value) or _HIGHER.fullmatch(value):
        return
    found = _OPERATOR.fullmatch(value)
    if found is None:
        raise UnsafeGraphError(f"the operation {value[:80]!r} is none that a folder may hold")
    packet = getattr(getattr(torch.ops, found[1]), found[2], None)
    overload = getattr(packet, found[3], None) if isinstance(packet, torch._ops.OpOverloadPacket) else None
    if not isinstance(overload, torch._ops.OpOverload):
        raise UnsafeGraphError(f"PyTorch {torch.__version__} has no operation {value[:80]!r}")
    for argument in overload._schema.arguments:
        if "str" in str(argument.type) and argument.name not in _TEXT_ARGUMENTS:
            raise UnsafeGraphError(f"the operation {value[:80]!r} does not only compute")


def _check_tree(value: str) -> None:
    """Check the structure of inputs or outputs: containers of PyTorch's that are known here, with plain keys."""
    try:
        protocol, tree = json.loads(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnsafeGraphError("a structure of inputs or outputs is damaged") from error
    if protocol != 1:
        raise UnsafeGraphError(f"structures of inputs and outputs are of version {protocol!r:.20}")
    _check_container(tree, top=True)


def _check_container(tree: Any, top: bool = False) -> None:
    if not isinstance(tree, dict) or set(tree) != {"type", "context", "children_spec"}:
        raise UnsafeGraphError("a structure of inputs or outputs is damaged")
    kind, context, children = tree["type"], tree["context"], tree["children_spec"]
    if not isinstance(children, list) or (kind is None and (context is not None or children)):
        raise UnsafeGraphError("a structure of inputs or outputs is damaged")
    if kind is not None:
        _check_kind(kind, context)
    for number, child in enumerate(children):
        _check_container(child)
        # PyTorch writes the names of keyword arguments into code.
        if top and number == 1 and child["type"] == "builtins.dict":
            for name in json.loads(child["context"]):
                _check_name(str(name) or " ")


def _check_kind(kind: Any, context: Any) -> None:
    known: Mapping[Any, Any] = torch.utils._pytree.SERIALIZED_TYPE_TO_PYTHON_TYPE
    if not isinstance(kind, str) or kind not in known or kind == "collections.defaultdict":
        raise UnsafeGraphError(f"inputs or outputs of type {kind!r:.60} are not known here")
    if context is not None and not isinstance(context, str):
        raise UnsafeGraphError(f"inputs or outputs of type {kind!r:.60} are damaged")
    if context is None or kind == "collections.namedtuple":
        return
    try:
        keys = json.loads(context)
    except (ValueError, RecursionError) as error:
        raise UnsafeGraphError(f"inputs or outputs of type {kind!r:.60} are damaged") from error
    for key in keys if isinstance(keys, list) else [keys]:
        if not isinstance(key, str | int | None):
            raise UnsafeGraphError(f"inputs or outputs of type {kind!r:.60} have keys that are no texts")
        _check_text(str(key))


def _check_expression(value: str) -> None:
    """Check a symbolic expression: what PyTorch prints of sizes, and nothing else."""
    if len(value) > _LONGEST_EXPRESSION:
        raise UnsafeGraphError(f"an expression of {len(value):,} characters")
    try:
        parsed = ast.parse(value, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnsafeGraphError(f"{value[:40]!r} is no expression") from error
    if not _is_expression(parsed):
        raise UnsafeGraphError(f"{value[:60]!r} is no expression of sizes")


def _is_expression(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        value = node.value
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST_NUMBER
    if isinstance(node, ast.Name):
        return bool(_SYMBOL.fullmatch(node.id)) or node.id in _CONSTANTS
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_expression(node.operand)
    if isinstance(node, ast.BinOp):
        return (
            isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.FloorDiv | ast.Div | ast.Mod)
            and _is_expression(node.left)
            and _is_expression(node.right)
        )
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and _is_call(node.func.id, node)


def _is_call(name: str, call: ast.Call) -> bool:
    flags = all(isinstance(k.value, ast.Constant) and type(k.value.value) in (bool, int) for k in call.keywords)
    if not flags:
        return False
    if name == "Symbol":
        first = call.args[0] if len(call.args) == 1 else None
        return isinstance(first, ast.Constant) and bool(_SYMBOL.fullmatch(str(first.value)))
    if name in _NUMBERS:
        return all(_is_number(entry) for entry in call.args)
    if not _FUNCTIONS.fullmatch(name):
        return False
    if name in _POWERS and not (len(call.args) == 2 and _is_small(call.args[1])):
        return False
    return all(_is_expression(entry) for entry in call.args)


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return bool(re.fullmatch(r"-?\d{1,20}(\.\d{1,40})?(e[-+]?\d{1,3})?", node.value))
    return _is_expression(node) and not isinstance(node, ast.Name)


def _is_small(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _NUMBERS:
        return all(_is_small(entry) for entry in node.args)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_small(node.operand)
    return isinstance(node, ast.Constant) and type(node.value) is int and abs(node.value) <= _LARGEST_POWER


_CHECKS: Mapping[str, Callable[[str], None]] = {
    "target": _check_operator,
    "as_operator": _check_operator,
    "expr_str": _check_expression,
    "in_spec": _check_tree,
    "out_spec": _check_tree,
    "name": _check_name,
    "as_name": _check_name,
    "forward_arg_names": _check_name,
    "user_input_name": _check_name,
    "parameter_name": _check_qualified,
    "buffer_name": _check_qualified,
    "tensor_constant_name": _check_qualified,
    "fqn": _check_qualified,
    "custom_obj_name": _refuse,
    "class_fqn": _refuse,
}
"""Key of the JSON -> check of its text; other texts are arguments of operations, which PyTorch quotes."""

_KEYS: Mapping[str, re.Pattern[str]] = {
    "metadata": re.compile("nn_module_stack"),
    "treespec_namedtuple_fields": _QUALIFIED,
    "range_constraints": _RANGE,
}
"""Key of the JSON -> what its own keys may be; otherwise names."""
