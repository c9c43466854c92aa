"""The base of what passes between the stages of the compiler: frozen, typed, serialisable."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pcmesh.errors import InputError, VerificationError
from pcmesh.files.reading import read_text, validation_problem


class Artefact(BaseModel):
    """A frozen record; stages return new ones and change none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the artefact from a JSON file; InputError names the file and the field that does not fit."""
        return cls.of_json(read_text(path, "Compile it again"), path)

    @classmethod
    def of_json(cls, text: str | bytes, path: Path) -> Self:
        """Return the artefact that JSON holds; InputError names the file it is from and the field that does not fit."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            problem = f"{path}: damaged, or of another version of pcmesh ({validation_problem(error)})"
            raise InputError(problem, "Compile it again") from error


def check(condition: bool, problem: str) -> None:
    """Raise VerificationError with `problem` unless the condition holds."""
    if not condition:
        raise VerificationError(problem)
