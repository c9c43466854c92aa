"""Lowering passes in a folder: their names and options; only those that come with pcmesh, whose code is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from pcmesh.errors import ConfigurationError, InputError
from pcmesh.files.artefact import Artefact
from pcmesh.files.reading import validation_problem
from pcmesh.lowering import CentreInputs, CollapseEmbedding, JoinRecurrent, Pass
from pcmesh.network.exported.capture import Lowering

_PASSES: Final[Mapping[str, type[Pass]]] = {
    kind.__name__: kind for kind in (CentreInputs, CollapseEmbedding, JoinRecurrent)
}


class StoredPass(Artefact):
    """One pass."""

    name: str
    options: dict[str, JsonValue]


def stored_passes(passes: Sequence[Lowering]) -> tuple[StoredPass, ...]:
    """Return passes as they are written.

    Raises:
        ConfigurationError: one is of the user's own code.
    """
    for entry in passes:
        if type(entry) not in _PASSES.values():
            raise ConfigurationError(
                f"{type(entry).__name__} is a pass of your own code, which no folder holds",
                f"Compile without it, or with {', '.join(_PASSES)}",
            )
    return tuple(
        StoredPass(name=type(entry).__name__, options=TypeAdapter(type(entry)).dump_python(entry, mode="json"))
        for entry in passes
    )


def passes_of(stored: Sequence[StoredPass], path: Path) -> tuple[Pass, ...]:
    """Return the passes that a file names.

    Raises:
        InputError: there is no such pass, or it has other options; the file is named.
    """
    found = []
    for entry in stored:
        if entry.name not in _PASSES:
            raise InputError(f"{path}: there is no pass {entry.name[:50]!r}", "Compile it again")
        kind: TypeAdapter[Pass] = TypeAdapter(_PASSES[entry.name])
        try:
            found.append(kind.validate_python(entry.options))
        except ValidationError as error:
            problem = validation_problem(error, entry.name)
            raise InputError(f"{path}: a pass that is none ({problem})", "Compile it again") from error
    return tuple(found)
