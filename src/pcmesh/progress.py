"""How long work tells its progress: one type for all callbacks."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with a stage, what is done of it, and how much there is."""


def quiet(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""
