"""Arguments of the Python API, checked by their annotations as strictly as those of the command line, in our own words.

`Annotated[int, Ge(0)]`, a `Literal`, an enumeration, a class: the annotation says what may be given, and the message
is made of it. pydantic does the checking; numbers of NumPy count as Python's own, and no number is made of a text.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from enum import Enum
from functools import cache, wraps
from numbers import Integral, Real
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError

from pcmesh.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")

LARGEST = 2**63 - 1
Seed = Annotated[int, Ge(0), Le(LARGEST)]
Count = Annotated[int, Ge(1), Le(LARGEST)]
CountOrNone = Annotated[int, Ge(0), Le(LARGEST)]
"""A count that may be 0."""
Share = Annotated[float, Ge(0), Lt(1)]
Size = Annotated[float, Ge(0)]
"""A number that is not negative."""
Positive = Annotated[float, Gt(0)]


def _several(names: Collection[str]) -> Collection[str]:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError
    return names


Names = Annotated[Collection[str], AfterValidator(_several)]
"""Names, not one text: its letters would be taken for them."""

_CONFIG = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function whose arguments are checked by their annotations before it runs.

    Raises:
        ConfigurationError: an argument is not what its annotation says; it, its value and what may be are named.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        bound = signature.bind(*args, **kwargs)
        hints = _hints(function)
        for name, value in bound.arguments.items():
            if name in hints:
                bound.arguments[name] = check(name, value, hints[name])
        return function(*bound.args, **bound.kwargs)

    return call


def check_fields(record: Any) -> None:
    """Check the fields of a dataclass by their annotations; for `__post_init__`.

    Raises:
        ConfigurationError: a field is not what its annotation says.
    """
    kind: Callable[..., Any] = type(record)
    hints = _hints(kind)
    for entry in fields(record):
        check(entry.name, getattr(record, entry.name), hints[entry.name])


def check(name: str, value: Any, hint: Any) -> Any:
    """Return an argument that is what its annotation says, numbers as Python's own.

    Raises:
        ConfigurationError: it is not.
    """
    plain = _plain(value)
    try:
        _adapter(hint).validate_python(plain)
    except ValidationError as error:
        raise ConfigurationError(f"{name} cannot be {_shown(value)}", f"Give {_words(hint)}{_near(value, hint)}") from (
            error
        )
    return plain


def unknown(kind: str, name: object, known: Collection[str]) -> ConfigurationError:
    """Return the error for a name that is none of those known; the nearest ones are in it."""
    near = get_close_matches(str(name), known, 3, 0.5)
    if near:
        return ConfigurationError(f"no {kind} {name!r}", f"Did you mean {_listed([repr(entry) for entry in near])}?")
    some = list(known)[:12]
    more = ", ..." if len(known) > len(some) else ""
    return ConfigurationError(f"no {kind} {name!r}", f"There are: {', '.join(some)}{more}")


@cache
def _hints(made_by: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function's arguments or a class's fields."""
    annotations = {name: hint for name, hint in inspect.get_annotations(made_by).items() if name != "return"}
    module = inspect.getmodule(made_by)
    names = vars(module) if module else {}
    return get_type_hints(types.SimpleNamespace(__annotations__=annotations), names, include_extras=True)


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[hint, "argument"], config=_CONFIG)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def _shown(value: Any) -> str:
    """Return a value as it is written, if it is short, else what it is."""
    if value is None or isinstance(value, str | int | float | Enum):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return f"a {type(value).__name__}"


def _words(hint: Any) -> str:
    """Return what may be given, in words."""
    return _listed([text for part in _alternatives(hint) for text in _texts(part)])


def _alternatives(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        return [part for entry in get_args(hint) for part in _alternatives(entry)]
    return [hint]


def _texts(hint: Any) -> list[str]:
    origin = get_origin(hint)
    if origin is Annotated:
        base, *limits = get_args(hint)
        return [f"{text}{_range(limits)}" for text in _texts(base)]
    if origin is Literal:
        return [repr(entry) for entry in get_args(hint)]
    if hint is bool:
        return ["True", "False"]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return [repr(str(entry.value)) for entry in hint]
    return [_CALLED.get(origin or hint, None) or f"a {getattr(origin or hint, '__name__', hint)}"]


_CALLED: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "None",
    Mapping: "a mapping (dict) with names as keys",
    Collection: "a list of names",
    Iterable: "a list or another iterable",
    Sequence: "a list or another sequence",
    Callable: "a function",
}


def _range(limits: Iterable[Any]) -> str:
    text = ""
    for limit in limits:
        if isinstance(limit, Ge):
            text += f" from {limit.ge}"
        elif isinstance(limit, Gt):
            text += f" above {limit.gt}"
        elif isinstance(limit, Le):
            text += " to 2^63 - 1" if limit.le == LARGEST else f" to {limit.le}"
        elif isinstance(limit, Lt):
            text += f" to less than {limit.lt}"
    return text


def _near(value: Any, hint: Any) -> str:
    known = [text.strip("'") for text in (t for part in _alternatives(hint) for t in _texts(part)) if text[0] == "'"]
    near = get_close_matches(value, known, 1, 0.5) if isinstance(value, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


def _listed(words: list[str]) -> str:
    *first, last = dict.fromkeys(words)
    return f"{', '.join(first)} or {last}" if first else last
