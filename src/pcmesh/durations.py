"""Durations as people write them: `20s`, `1h`, `1d`, `1w`, `1mo`."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from numbers import Real

from pcmesh.errors import InputError

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "mo": 2_629_800.0, "y": 31_557_600.0}
"""Seconds of each unit; a month is a twelfth of a year, a year 365.25 days."""

_DURATION = re.compile(r"\s*([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*([a-z]+)\s*", re.IGNORECASE)


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as `"20s"`, `"1.5h"` or `"1mo"`.

    Raises:
        InputError: no number, no unit, an unknown unit or a length that is not finite.
    """
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * SECONDS.get(match[2].lower(), math.nan) if match else math.nan
    if not 0 <= seconds < math.inf:
        raise InputError(f"'{text}' is no duration", f"Write a number and a unit: {', '.join(SECONDS)} (1w)")
    return seconds


def seconds_of(time: str | float | timedelta) -> float:
    """Return the seconds of a duration in words (`"1w"`), in seconds or as a timedelta.

    Raises:
        InputError: it is none, negative, or not finite.
    """
    if isinstance(time, str):
        return parse_duration(time)
    if isinstance(time, timedelta):
        seconds = time.total_seconds()
    else:
        seconds = float(time) if isinstance(time, Real) and not isinstance(time, bool) else math.nan
    if not 0 <= seconds < math.inf:
        raise InputError(f"{time!r} is no duration", "Give seconds from 0, a timedelta, or words such as '1w'")
    return seconds


def format_duration(seconds: float) -> str:
    """Return a duration in the largest unit that leaves at least one of it, e.g. `"1 w"`."""
    if not seconds > 0:
        return f"{seconds:g} s"
    unit = max((name for name, length in SECONDS.items() if length <= seconds), key=SECONDS.__getitem__, default="s")
    return f"{seconds / SECONDS[unit]:.3g} {unit}"
