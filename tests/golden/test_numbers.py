"""The golden numbers are what they were; `make golden` shows which moved, `make golden WRITE=1` keeps the new ones.

The tests leave room for another processor, whose sums end in other bits: a code may be one step off, a word tip over.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.golden.numbers import FAST, GROUPS, compute, moved, read, rounded

WORDS = 0.005
"""Accuracies may differ by three words of 600."""


def same(name: str, old: Any, new: Any) -> bool:
    """Return whether a number is the same but for what another processor may do."""
    if isinstance(old, str) or isinstance(new, str):
        return bool(old == new) or name.endswith(": hash")
    if isinstance(old, list):
        codes = all(isinstance(each, int) for each in old)
        room = 2 if codes else (2e-3 if name == "ideal" else 2e-2) * abs(old[-1])  # the last is the root mean square
        return len(old) == len(new) and all(abs(a - b) <= room for a, b in zip(old, new, strict=True))
    if name == "software" or name.startswith("chip "):
        return bool(abs(old - new) <= WORDS)
    return bool(new == pytest.approx(old, rel=2e-2 if "error" in name else 1e-3))


@pytest.mark.parametrize(
    "group", [pytest.param(name, marks=() if name in FAST else pytest.mark.long) for name in GROUPS]
)
def test_numbers_are_what_they_were(group: str) -> None:
    new = compute(group)
    if new is None:
        pytest.skip("no MLPerf manifest (set PCMESH_DATA)")
    old = read()[group]
    assert set(new) == set(old)
    assert [entry for entry in moved(old, new) if not same(*entry)] == []


def test_a_number_that_moves_is_named() -> None:
    assert moved({"a": 1.0, "b": 2}, {"a": 1.0, "b": 3, "c": 4}) == [("b", 2, 3), ("c", None, 4)]
    assert not same("energy_j", 1.0, 1.01)
    assert same("energy_j", 1.0, 1.0000001)
    assert not same("chip 0", 0.9, 0.91)
    assert not same("nature2023", [0.5, 1.0], [0.55, 1.0])
    assert same("nature2023", [0.5, 1.0], [0.501, 1.0])
    assert not same("utterance 0: text", "yes", "no")
    assert rounded(1 / 3) == 0.333333
