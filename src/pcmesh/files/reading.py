"""Reading files that people give: text, JSON, TOML and CSV; whatever is wrong with one is one clear InputError."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pcmesh.errors import InputError

if TYPE_CHECKING:
    from pydantic import ValidationError

LARGEST_BYTES = 2**28
"""A longer text file is no description of anything that pcmesh knows (assumed); a manifest of 10^6 rows is shorter."""

_REMEDY = "Save it as UTF-8 text"
_Value = TypeVar("_Value")
_PROBLEMS: Final = {
    "missing": "is missing",
    "missing_argument": "is missing",
    "extra_forbidden": "no such key",
    "greater_than": "is not above {gt}",
    "greater_than_equal": "is less than {ge}",
    "less_than": "is not below {lt}",
    "less_than_equal": "is more than {le}",
    "too_short": "holds fewer than {min_length}",
    "too_long": "holds more than {max_length}",
    "string_too_short": "is shorter than {min_length} letters",
    "string_too_long": "is longer than {max_length} letters",
    "finite_number": "is not finite",
    "literal_error": "is not {expected}",
    "enum": "is not {expected}",
    "json_invalid": "is no JSON: {error}",
    "value_error": "{error}",
    "relation": "{text}",
}
"""Type of a pydantic error -> our words."""
_KINDS: Final = {
    "string": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "list": "list",
    "tuple": "list",
    "set": "list",
    "dict": "table",
    "model": "table",
    "named": "list",
}


def read_text(path: Path, remedy: str = _REMEDY) -> str:
    """Return a text file's content, without the byte order mark that Windows' editors put at the beginning.

    Raises:
        InputError: it cannot be opened, is a folder, too long, or no UTF-8 text; named.
    """
    content = _read_bytes(path, remedy)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no UTF-8 text ({error.reason} at byte {error.start})", remedy) from error
    if "\0" in text:
        raise InputError(f"{path}: is no text (it holds a zero byte at {text.index(chr(0))})", remedy)
    return text


def read_json(path: Path, remedy: str = "Give a JSON file") -> Any:
    """Return the value of a JSON file.

    Raises:
        InputError: as `read_text`; no JSON, nested too deep, or a number with too many digits.
    """
    text = read_text(path, remedy)
    return _parsed(path, "JSON", lambda: json.loads(text), remedy)


def read_toml(path: Path, remedy: str = "Give a TOML file") -> dict[str, Any]:
    """Return the table of a TOML file.

    Raises:
        InputError: as `read_text`; no TOML, nested too deep, or a number with too many digits.
    """
    text = read_text(path, remedy)
    return _parsed(path, "TOML", lambda: tomllib.loads(text), remedy)


def parse_toml(text: str, where: str, remedy: str) -> dict[str, Any]:
    """Return the table of a TOML text; InputError names `where`."""
    return _parsed(where, "TOML", lambda: tomllib.loads(text), remedy)


def read_csv(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a CSV file with a header as (line, column -> cell), of the wanted columns only.

    Raises:
        InputError: as `read_text`; a column is missing, or a row lacks a cell or has one that is too wide.
    """
    remedy = f"Columns: {','.join(columns)}"
    text = read_text(path, "Save it as CSV in UTF-8")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows = []
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path}: lacks the column {missing[0]!r}", remedy)
        for row in reader:
            empty = next((name for name in columns if not row[name]), None)
            if empty is not None:
                raise InputError(f"{path}, line {reader.line_num}: has no {empty}", remedy)
            rows.append((reader.line_num, {name: row[name] for name in columns}))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: is no CSV ({error})", remedy) from error
    return rows


def is_file(path: Path) -> bool:
    """Return whether there is a file of that name; a name that none can have (too long, a zero byte) is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def validation_problem(error: ValidationError, whole: str = "the file") -> str:
    """Return in our words what a validation found wrong first, and where; `whole` names the place of no key."""
    entry = error.errors()[0]
    where = ".".join(map(str, entry["loc"])) or whole
    template = _PROBLEMS.get(entry["type"])
    if template is not None:
        what = template.format(**entry.get("ctx", {}))
    else:
        kind = _KINDS.get(entry["type"].partition("_")[0])
        what = f"is no {kind}" if kind else "is not what it should be"
    return f"{where[:80]}: {what[:120]}"


def _read_bytes(path: Path, remedy: str) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})", remedy) from error
    except ValueError as error:  # a name that no file can have: it holds a zero byte or half a character
        raise InputError(f"{str(path)!a}: cannot be read ({error})", remedy) from error
    if len(content) > LARGEST_BYTES:
        raise InputError(f"{path}: is longer than {LARGEST_BYTES:,} bytes", remedy)
    return content


def _parsed(where: Path | str, kind: str, parse: Callable[[], _Value], remedy: str) -> _Value:
    try:
        return parse()
    except RecursionError as error:
        raise InputError(f"{where}: not readable {kind} (nested too deep)", remedy) from error
    except ValueError as error:  # what json and tomllib raise, and what int() raises of more than 4,300 digits
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{where}: not readable {kind} ({reason})", remedy) from error
