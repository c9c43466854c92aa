"""A user's functions by name: `model.py:make_model`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pcmesh.analysis.batches import Batch, batches_of
from pcmesh.analysis.task import Task
from pcmesh.analysis.workload import TaskOptions, Workload, workload_of
from pcmesh.errors import InputError, PcmeshError
from pcmesh.files.cache import fingerprint

LABELS = "labels"
_SIZE = 256


def user_function(reference: str) -> Callable[[], Any]:
    """Return the function that `FILE.py:NAME` names; the file is run.

    Modules beside the file are found from now on, but only under names that Python has nothing else for: a `types.py`
    or a `torch.py` beside it replaces neither Python's nor PyTorch's.

    Raises:
        InputError: no such file or function, or the file does not run; its cause is the file's own exception.
    """
    path, _, name = reference.partition(":")
    file = Path(path)
    if not name or file.suffix != ".py":
        raise InputError(f"'{reference}' names no function", "Write FILE.py:FUNCTION, as in model.py:make_model")
    if not file.is_file():
        raise InputError(f"{file}: no such file", "Name a Python file")
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    own_name = _module_name(file)
    spec = importlib.util.spec_from_file_location(own_name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[own_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"{file}: does not run ({_in_words(error)})", "Run it with python first") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise InputError(f"{file}: has no function {name!r}", "Name a function without arguments")
    return found  # type: ignore[no-any-return]


def _value(reference: str, function: Callable[[], Any]) -> Any:
    """Return what a user's function gives; what it yields as a list."""
    try:
        value = function()
        return list(value) if isinstance(value, Iterator) else value
    except PcmeshError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{reference}: fails ({_in_words(error)})", "It is called without arguments; run it first"
        ) from error


def user_task(reference: str, options: TaskOptions | None = None) -> Task:
    """Return the task of a workload, of the batches that `FILE.py:FUNCTION` yields, or of a safetensors file.

    Args:
        reference: a workload's name; a function that gives a `Task`, or yields inputs or pairs (inputs, labels); or a
            file with the tensors `inputs` and, if there are some, `labels`, both samples first. Tensors of other names
            are keyword arguments.
        options: which samples.

    Raises:
        InputError: there is no such function or file, or it has no batches.
    """
    options = options or TaskOptions()
    workload = workload_of(reference)
    if workload is not None:
        _check_recordings(reference, workload, options)
        made = workload.task
        task: Any = _value(reference, lambda: made(options))
        if not isinstance(task, Task):
            raise InputError(f"the task of {reference} is a {type(task).__name__}", "Give a pcmesh.Task")
        return task
    if options.recordings is not None:
        raise InputError(f"{reference} takes no folder of recordings", "Give data as FILE.py:FUNCTION or safetensors")
    if reference.endswith(".safetensors"):
        task = Task(batches=_of_file(Path(reference)))
    else:
        value = _value(reference, user_function(reference))
        if isinstance(value, nn.Module) or not isinstance(value, Task | Tensor | Iterable):
            raise InputError(f"{reference}: a batch is a {type(value).__name__} without tensors", "Yield batches")
        task = value if isinstance(value, Task) else Task(batches=_several(value))
        if not isinstance(value, Task) and not task.batches:
            raise InputError(f"{reference}: there are no batches", "Yield inputs, or pairs of inputs and labels")
    found: Task = task
    return found if options.samples is None else found.first(options.samples)


def _several(value: Any) -> list[Any]:
    return [value] if isinstance(value, Tensor | tuple | Mapping) else list(value)


def _check_recordings(name: str, workload: Workload, options: TaskOptions) -> None:
    if options.recordings is not None and not workload.recordings:
        raise InputError(f"the workload {name} takes no folder of recordings", "Leave it out: it has data of its own")


def _module_name(file: Path) -> str:
    """Return the name under which a file is run: its own where that is free, or else one that nothing imports."""
    stem = file.stem
    try:
        known = importlib.util.find_spec(stem)
    except (ImportError, ValueError, AttributeError):
        known = None
    if known is not None and known.origin is not None and Path(known.origin).resolve() == file.resolve():
        return stem
    return f"_pcmesh_{fingerprint(str(file.resolve()))}_{stem}"


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def user_model(reference: str, weights: Path | None = None) -> nn.Module:
    """Return the network that `FILE.py:NAME` or a workload makes, with the weights of a file.

    Raises:
        InputError: the function does not give a module, or the weights do not fit it.
    """
    workload = workload_of(reference)
    if workload is not None and workload.load is not None and weights is not None:
        return workload.load(weights)
    model = _value(reference, user_function(reference) if workload is None else workload.network)
    if not isinstance(model, nn.Module):
        raise InputError(f"{reference} gives a {type(model).__name__}", "Return an nn.Module")
    if weights is not None:
        try:
            model.load_state_dict(load_file(weights))
        except (OSError, SafetensorError) as error:
            raise InputError(f"{weights}: not a readable safetensors file ({error})", "Export it anew") from error
        except RuntimeError as error:
            lines = str(error).splitlines()
            raise InputError(
                f"{weights}: does not fit {reference} ({lines[-1].strip()})", "Export it from the same network"
            ) from error
    return model


def example_of(expression: str) -> Any:
    """Return the value of a Python expression such as `torch.randn(8, 1, 28, 28)`; names: torch.

    Raises:
        InputError: it cannot be computed.
    """
    try:
        return eval(expression, {"torch": torch})
    except Exception as error:
        raise InputError(f"--example '{expression}': {error}", "Write a tensor: torch.randn(8, 1, 28, 28)") from error


def _of_file(path: Path) -> list[Batch]:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})", "Export it anew") from error
    labels = tensors.pop(LABELS, None)
    sizes = {name: len(x) if x.dim() else 0 for name, x in tensors.items()}
    if labels is not None:
        sizes[LABELS] = len(labels) if labels.dim() else 0
    if not tensors or len(set(sizes.values())) != 1 or 0 in sizes.values():
        raise InputError(f"{path}: holds {sizes or 'no inputs'}", "Store `inputs` and `labels` of as many samples")
    found: list[Batch] = []
    for start in range(0, next(iter(sizes.values())), _SIZE):
        part = {name: x[start : start + _SIZE] for name, x in tensors.items()}
        inputs = part["inputs"] if part.keys() == {"inputs"} else part
        found += batches_of([Batch(inputs, None if labels is None else labels[start : start + _SIZE])])
    return found
