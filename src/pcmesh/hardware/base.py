"""The common base of all hardware specifications, and how a limit that a chip breaks is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

RELATION = "relation"
"""Type of the pydantic error that holds what several keys break together."""


@dataclass(frozen=True)
class Broken:
    """One limit that a chip breaks.

    Attributes:
        keys: the key that is wrong, then others of its table that the limit follows from.
        value: what it holds, as it is written; "" where that says nothing.
        limit: what may be.
        remedy: what to do.
    """

    keys: tuple[str, ...]
    value: str
    limit: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.keys[0]} = {self.value}: {self.limit}" if self.value else f"{self.keys[0]}: {self.limit}"


class Spec(BaseModel):
    """A frozen description of hardware; unknown keys, wrong types and impossible values are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def relations(self) -> Iterator[Broken]:
        """Yield every limit that several keys break together."""
        yield from ()

    @model_validator(mode="after")
    def _check_relations(self) -> Self:
        broken = tuple(self.relations())
        if broken:
            text = "; ".join(map(str, broken))
            raise PydanticCustomError(RELATION, "{text}", {"text": text, "broken": broken})
        return self
