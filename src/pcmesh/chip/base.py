"""The common base of all hardware specifications."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen description of hardware; unknown keys, wrong types and impossible values are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
