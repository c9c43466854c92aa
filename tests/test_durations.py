"""Durations: every unit, round trip, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcmesh.durations import SECONDS, format_duration, parse_duration, seconds_of
from pcmesh.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20s", 20), ("1.5h", 5400), ("1d", 86_400), (" 2 w ", 1_209_600), ("1MO", 2_629_800), ("1e3s", 1000), ("0s", 0)],
)
def test_parse(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "w", "-1w", "1 fortnight", "1e999s", "nan s", "1m", "--1d"])
def test_refused_with_the_units_that_exist(text: str) -> None:
    with pytest.raises(InputError, match="no duration") as caught:
        parse_duration(text)
    assert "mo" in caught.value.remedy


@given(st.floats(1e-6, 1e9))
def test_formatted_durations_are_read_back_to_three_digits(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=6e-3)


@pytest.mark.parametrize("unit", SECONDS)
def test_a_unit_is_written_as_itself(unit: str) -> None:
    assert format_duration(SECONDS[unit]) == f"1 {unit}"


def test_zero() -> None:
    assert format_duration(0) == "0 s"


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("1h", 3600.0), (0, 0.0), (2.5, 2.5), (np.float32(3), 3.0), (np.int64(7), 7.0), (timedelta(days=7), 604_800.0)],
)
def test_a_time_is_words_seconds_or_a_timedelta(time: Any, seconds: float) -> None:
    assert seconds_of(time) == seconds


@pytest.mark.parametrize(
    "time", [-5, -1e9, float("nan"), float("inf"), timedelta(seconds=-1), True, None, [1], 1j, "-1d", b"1d"]
)
def test_no_other_time_is_taken(time: Any) -> None:
    with pytest.raises(InputError, match="no duration"):
        seconds_of(time)
