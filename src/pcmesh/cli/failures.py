"""What people see of an error: one line; and before it, where their own code raised one, its traceback."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from pathlib import Path


def user_traceback(error: BaseException) -> str:
    """Return the part of the traceback of an error's cause that lies in the user's own files; '' where none does."""
    cause = error.__cause__
    while cause is not None:
        frames = [frame for frame in traceback.extract_tb(cause.__traceback__) if _is_users(frame.filename)]
        if frames or (isinstance(cause, SyntaxError) and _is_users(cause.filename or "<none>")):
            lines = ["Traceback in your code (most recent call last):\n", *traceback.format_list(frames)]
            return "".join(lines + traceback.format_exception_only(cause))
        cause = cause.__cause__
    return ""


def _is_users(filename: str) -> bool:
    if filename.startswith("<"):
        return False
    path = Path(filename).resolve()
    others = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, str(Path(__file__).parents[1])}
    return not any(path.is_relative_to(Path(other).resolve()) for other in others)
