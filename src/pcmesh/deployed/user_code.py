"""A user's functions by name: `model.py:make_model`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from pcmesh.deployed.workload import workload_of
from pcmesh.errors import InputError, PcmeshError
from pcmesh.files.cache import fingerprint

Part = Literal["network", "calibration", "task"]


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


def user_value(reference: str, part: Part) -> Any:
    """Return what the function that `FILE.py:NAME` names gives, or a workload's own; what it yields as a list.

    Args:
        reference: of the function, or the workload's name.
        part: what is wanted of a workload.

    Raises:
        InputError: no such file or function, or it fails; its cause is the function's own exception.
    """
    workload = workload_of(reference)
    function = user_function(reference) if workload is None else getattr(workload, part)
    try:
        value = function()
        return list(value) if isinstance(value, Iterator) else value
    except PcmeshError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{reference}: fails ({_in_words(error)})", "It is called without arguments; run it first"
        ) from error


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


def user_model(reference: str, weights: Path | None) -> nn.Module:
    """Return the network that `FILE.py:NAME` or a workload makes, with the weights of a safetensors file.

    Raises:
        InputError: the function does not give a module, or the weights do not fit it.
    """
    model = user_value(reference, "network")
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
