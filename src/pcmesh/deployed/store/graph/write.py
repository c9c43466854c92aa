"""Exported programs to JSON and tensors, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch._export.serde import schema
from torch._export.serde import serialize as serde
from torch.export import ExportedProgram

from pcmesh.deployed.store.graph.check import UnsafeGraphError, check_graph
from pcmesh.deployed.store.graph.values import pack, stored, unpack
from pcmesh.errors import InputError

_STATE, _CONSTANTS, _EXAMPLES = "state/", "constants/", "examples/"
_KEPT = "nn_module_stack"
"""What is kept of what PyTorch notes of a node: its module. The rest names files and lines of the source."""


def write_program(program: ExportedProgram) -> tuple[bytes, dict[str, Tensor]]:
    """Return an exported program as JSON and tensors.

    Raises:
        InputError: it holds objects, operations or types that no folder holds without code.
    """
    graph = _as_json(program)
    try:
        check_graph(graph)
    except UnsafeGraphError as error:
        raise InputError(
            f"this network cannot be saved: {error}", "Save its state_dict and compile it where it is used"
        ) from error
    tensors: dict[str, Tensor] = {}
    examples = pack(program.example_inputs, tensors, _EXAMPLES)
    groups = {_STATE: program.state_dict, _CONSTANTS: program.constants}
    first: dict[tuple[Any, ...], str] = {}
    same: dict[str, str] = {}
    strides: dict[str, list[int]] = {}
    for prefix, group in groups.items():
        for name, value in group.items():
            if not isinstance(value, Tensor):
                raise InputError(
                    f"this network cannot be saved: {name} is a {type(value).__name__}", "Use tensors instead"
                )
            key = (value.data_ptr(), value.shape, value.stride(), value.dtype)
            if value.numel() and key in first:
                same[prefix + name] = first[key]
                continue
            first[key] = prefix + name
            tensors[prefix + name] = stored(value)
            if not value.is_contiguous() and _is_dense(value.shape, value.stride()):
                strides[prefix + name] = list(value.stride())
    content = {"graph": graph, "examples": examples, "same": same, "strides": strides}
    return json.dumps(content, separators=(",", ":"), allow_nan=True).encode(), tensors


def read_program(text: bytes, tensors: Mapping[str, Tensor]) -> ExportedProgram:
    """Return the exported program that `write_program` was given.

    Raises:
        ValueError: it is damaged, or holds something else than data; says what.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deeply") from error
    if not isinstance(content, dict) or set(content) != {"graph", "examples", "same", "strides"}:
        raise ValueError("it is no exported network")
    check_graph(content["graph"])
    held = _laid_out(tensors, content["strides"], content["same"])
    examples = unpack(content["examples"], held)
    if not (isinstance(examples, tuple) and len(examples) == 2):
        raise ValueError("its example inputs are damaged")
    try:
        found = _deserialised(content["graph"], held, examples)
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0][:200]
        raise ValueError(f"PyTorch {torch.__version__} cannot read it: {type(error).__name__}: {first}") from error
    _check_tensors(found)
    return found


def _deserialised(content: Any, held: Mapping[str, Tensor], examples: Any) -> ExportedProgram:
    graph = serde._dict_to_dataclass(schema.ExportedProgram, content)  # type: ignore[no-untyped-call]
    parameters = _parameters(content)
    state = {
        name: nn.Parameter(value, requires_grad=value.is_floating_point()) if name in parameters else value
        for name, value in _group(held, _STATE).items()
    }
    return serde.ExportedProgramDeserializer().deserialize(graph, state, _group(held, _CONSTANTS), examples)


def _as_json(program: ExportedProgram) -> Any:
    artefact = serde.serialize(_without_tensors(program))
    graph = json.loads(artefact.exported_program)
    graph["guards_code"] = []
    _drop_notes(graph)
    return graph


def _without_tensors(program: ExportedProgram) -> ExportedProgram:
    """Return the program without its weights, which PyTorch would pickle only to be thrown away here."""
    bare = ExportedProgram.__new__(ExportedProgram)
    bare.__dict__.update(program.__dict__)
    bare._state_dict = {name: _empty(value) for name, value in program.state_dict.items()}
    bare._constants = {name: _empty(value) for name, value in program.constants.items()}
    bare._example_inputs = None
    return bare


def _empty(value: Any) -> Any:
    if isinstance(value, nn.Parameter):
        return nn.Parameter(torch.empty(0))
    return torch.empty(0) if isinstance(value, Tensor) else value


def _drop_notes(value: Any) -> None:
    if isinstance(value, list):
        for entry in value:
            _drop_notes(entry)
    elif isinstance(value, dict):
        notes = value.get("metadata")
        if isinstance(notes, dict):
            value["metadata"] = {name: note for name, note in notes.items() if name == _KEPT}
        for entry in value.values():
            _drop_notes(entry)


def _parameters(graph: Any) -> set[str]:
    specs = graph["graph_module"]["signature"]["input_specs"]
    return {spec["parameter"]["parameter_name"] for spec in specs if "parameter" in spec}


def _group(held: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in held.items() if name.startswith(prefix)}


def _laid_out(tensors: Mapping[str, Tensor], strides: Any, same: Any) -> dict[str, Tensor]:
    """Return the tensors in their order in memory, under all their names."""
    held = dict(tensors)
    for name, stride in strides.items():
        value = held[name]
        if len(stride) != value.dim() or not _is_dense(value.shape, stride):
            raise ValueError(f"{name} has no such order in memory")
        held[name] = torch.empty_strided(value.shape, stride, dtype=value.dtype).copy_(value)
    for name, other in same.items():
        held[name] = held[other]
    return held


def _is_dense(shape: torch.Size, strides: Any) -> bool:
    """Return whether strides only order the dimensions: no gap, no overlap."""
    expected = 1
    for stride, size in sorted((stride, size) for stride, size in zip(strides, shape, strict=True) if size != 1):
        if stride != expected:
            return False
        expected *= size
    return True


def _check_tensors(program: ExportedProgram) -> None:
    """Check that weights are of the shapes that the graph was made for."""
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    names |= signature.inputs_to_lifted_tensor_constants
    for node in program.graph.nodes:
        if node.op != "placeholder" or node.name not in names:
            continue
        name, expected = names[node.name], node.meta["val"]
        value = program.state_dict.get(name, program.constants.get(name))
        if not isinstance(value, Tensor):
            raise ValueError(f"the tensor {name} is missing")
        if tuple(value.shape) != tuple(expected.shape) or value.dtype != expected.dtype:
            raise ValueError(
                f"{name} has {tuple(value.shape)} {value.dtype}, not {tuple(expected.shape)} {expected.dtype}"
            )
