"""Chips that ship, each a TOML file."""

from importlib.resources import files
from typing import Final

NATURE2023: Final = files(__name__) / "nature2023.toml"
IDEAL: Final = files(__name__) / "ideal.toml"
