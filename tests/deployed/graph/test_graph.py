"""An exported network as data: it comes back the same, and what would run, or is none of PyTorch's own, is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from pcmesh.deployed.store.graph import pack, read_program, unpack, write_program
from pcmesh.deployed.store.graph.check import UnsafeGraphError, check_graph
from pcmesh.errors import InputError


class Mixed(nn.Module):
    """Convolution, recurrence, a tied weight out of order in memory, a buffer that is not saved, sizes of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.lstm = nn.LSTM(12, 6, batch_first=True)
        self.add_module("first-1", nn.Linear(6, 6))
        self.second = nn.Linear(6, 6)
        self.second.weight = self.get_submodule("first-1").weight = nn.Parameter(torch.randn(6, 6).t())
        self.register_buffer("factor", torch.full((6,), 2.0), persistent=False)

    def forward(self, x: Tensor, *, scale: float) -> dict[str, Any]:
        y = self.conv(x)
        y = y.permute(0, 2, 1, 3).reshape(y.shape[0], y.shape[2], -1)
        out, state = self.lstm(y)
        with torch.no_grad():
            out = out * torch.tensor(3.0)
        out = self.second(self.get_submodule("first-1")(out)) * self.factor * scale
        return {"out": out + torch.ones(2 * x.shape[0] + 1)[:1], "state": state}


@pytest.fixture(scope="module")
def program() -> ExportedProgram:
    torch.manual_seed(0)
    shapes = {"x": {0: Dim.AUTO}, "scale": None}
    return export(Mixed(), (torch.randn(3, 1, 5, 8),), {"scale": 0.5}, dynamic_shapes=shapes)


def test_it_comes_back_the_same(program: ExportedProgram) -> None:
    text, tensors = write_program(program)
    again = read_program(text, tensors)
    for size in (2, 7):
        x = torch.randn(size, 1, 5, 8)
        wanted = program.module(check_guards=False)(x, scale=0.5)
        got = again.module(check_guards=False)(x, scale=0.5)
        assert torch.equal(got["out"], wanted["out"])
        assert torch.equal(got["state"][1], wanted["state"][1])
    assert again.example_inputs is not None
    assert torch.equal(again.example_inputs[0][0], program.example_inputs[0][0])  # type: ignore[index]
    weights = {name: value for name, value in again.state_dict.items() if name.endswith("t-1.weight")}
    (weight,) = weights.values()
    assert weight is not None
    assert weight.stride() == (1, 6)
    assert again.state_dict["second.weight"].data_ptr() == weight.data_ptr()
    assert "stack_trace" not in text.decode()


def graph_of(program: ExportedProgram) -> Any:
    return json.loads(write_program(program)[0])["graph"]


def nodes(graph: Any) -> Any:
    return graph["graph_module"]["graph"]["nodes"]


def _set_target(target: str) -> Callable[[Any], None]:
    return lambda graph: nodes(graph)[0].update(target=target)


def _set_expression(text: str) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        values = graph["graph_module"]["graph"]["sym_int_values"]
        next(value for value in values.values() if "as_expr" in value)["as_expr"]["expr_str"] = text

    return change


def _set_call(**fields: Any) -> Callable[[Any], None]:
    return lambda graph: graph["graph_module"]["module_call_graph"][0]["signature"].update(fields)


def _tree(kind: str, context: Any) -> str:
    return json.dumps([1, {"type": kind, "context": context, "children_spec": []}])


CODE = "__import__('os').system('touch executed')"
DEFAULT = {"default_factory_module": "antigravity", "default_factory_name": "x", "dict_context": []}
CHANGES: dict[str, Callable[[Any], None]] = {
    "guards": lambda graph: graph.update(guards_code=[CODE]),
    "builtin": _set_target("_operator.attrgetter"),
    "call": _set_target("_operator.methodcaller"),
    "torch function": _set_target("torch.load"),
    "hub": _set_target("torch.hub.load"),
    "attribute": _set_target("torch.ops.aten.__class__.mro"),
    "loads a library": _set_target("torch.ops.load_library"),
    "maps a file": _set_target("torch.ops.aten.from_file.default"),
    "other library": _set_target("torch.ops.mylib.op.default"),
    "extension": _set_target("#mylib:op"),
    "no operation": _set_target("torch.ops.aten.not_there.default"),
    "expression": _set_expression(CODE),
    "expression in a symbol": _set_expression(f"Symbol({CODE!r})"),
    "attribute of a symbol": _set_expression("Symbol('s77').__class__"),
    "lambda": _set_expression("(lambda: 1)()"),
    "sympy function": _set_expression("sympify('1')"),
    "text": _set_expression("'s77'"),
    "huge": _set_expression("Pow(Integer(9), Pow(Integer(9), Integer(9)))"),
    "long": _set_expression("+".join(["s1"] * 5000)),
    "deep": _set_expression("(" * 1500 + "s1" + ")" * 1500),
    "imports a module": _set_call(in_spec=_tree("collections.defaultdict", DEFAULT)),
    "unknown container": _set_call(out_spec=_tree("my.Output", None)),
    "enumeration": _set_call(out_spec=_tree("builtins.dict", '[{"__enum__": true, "fqn": "os:system"}]')),
    "argument name": _set_call(forward_arg_names=["x): import os; os.system('touch executed')  #"]),
    "node name": lambda graph: nodes(graph)[0].update(name="x\nimport os"),
    "input name": lambda graph: graph["graph_module"]["graph"]["inputs"][0].update(as_tensor={"name": "x=1, y"}),
    "parameter name": lambda graph: graph["graph_module"]["signature"]["input_specs"][0]["parameter"].update(
        parameter_name='w"); import os; ("'
    ),
    "note": lambda graph: nodes(graph)[0]["metadata"].update(source_fn_stack="x,torch.load"),
    "text argument": lambda graph: nodes(graph)[0]["inputs"][0].update(arg={"as_string": "a\nimport os"}),
    "keyword": lambda graph: nodes(graph)[0]["inputs"][0].update(name="x, **y"),
    "object": lambda graph: nodes(graph)[0]["inputs"][0].update(arg={"as_custom_obj": {"name": "a", "class_fqn": "b"}}),
    "operator argument": lambda graph: nodes(graph)[0]["inputs"][0].update(arg={"as_operator": "torch.load"}),
    "verifier": lambda graph: graph.update(verifiers=["MINE"]),
    "symbols": lambda graph: graph.update(range_constraints={"u99999999999": {"min_val": 0, "max_val": 1}}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_is_no_data_of_a_network_is_refused(program: ExportedProgram, change: Callable[[Any], None]) -> None:
    text, tensors = write_program(program)
    content = json.loads(text)
    check_graph(content["graph"])
    changed = copy.deepcopy(content)
    change(changed["graph"])
    assert changed != content
    with pytest.raises(UnsafeGraphError):
        read_program(json.dumps(changed).encode(), tensors)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"null", b"[" * 100_000, b'{"graph": {}}', b"\xff"])
def test_what_is_no_graph_at_all(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"exported network|nested|Expecting|utf-8"):
        read_program(text, {})


def test_weights_of_other_shapes_are_refused(program: ExportedProgram) -> None:
    text, tensors = write_program(program)
    name = "state/conv.weight"
    with pytest.raises(ValueError, match=r"conv\.weight has \(2, 1, 3, 4\)"):
        read_program(text, tensors | {name: torch.zeros(2, 1, 3, 4)})
    with pytest.raises(ValueError, match=r"conv\.weight has .* torch\.float64"):
        read_program(text, tensors | {name: tensors[name].double()})
    with pytest.raises(ValueError, match=r"conv\.weight is not in the state dict"):
        read_program(text, {key: value for key, value in tensors.items() if key != name})


def test_arguments_come_back_the_same() -> None:
    tensors: dict[str, Tensor] = {}
    given = ((torch.arange(3), [1.5, float("inf"), None]), {"a": (True, "b", torch.float16), "b": {"c": 2**70}})
    packed = json.loads(json.dumps(pack(given, tensors, "x/")))
    again = unpack(packed, tensors)
    assert torch.equal(again[0][0], given[0][0])  # type: ignore[arg-type]
    assert (again[0][1], again[1]) == (given[0][1], given[1])
    with pytest.raises(InputError, match="hold a Linear"):
        pack(nn.Linear(1, 1), tensors, "x/")


@pytest.mark.parametrize(
    "packed", [[], {}, 1.5, {"tensor": "none"}, {"code": "x"}, {"dtype": "load"}, {"a": 1, "b": 2}]
)
def test_arguments_of_no_kind(packed: Any) -> None:
    with pytest.raises(ValueError, match="an argument of"):
        unpack(packed, {})
