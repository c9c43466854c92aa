"""The page of public names, made of their signatures and docstrings, which griffe reads without running them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
from griffe import DocstringSectionKind as Kind

SOURCE = Path(__file__).parents[1] / "src"


def public_names() -> str:
    """Return every name of `pcmesh.__all__`, with what it takes and gives."""
    logging.getLogger("griffe").setLevel(logging.ERROR)  # "seed, number: ..." describes two parameters at once
    package = griffe.load("pcmesh", search_paths=[str(SOURCE)], docstring_parser="google", resolve_aliases=True)
    names = [name for name in package.exports or () if not name.startswith("_")]
    return "\n".join(line for name in names for line in _entry(str(name), package[str(name)])).strip()


def _entry(name: str, found: Any) -> Iterator[str]:
    target = found.final_target if found.is_alias else found
    if target.is_module:
        yield from _module(name, target)
        return
    yield from (f"## `pcmesh.{name}`", "", *_signature(target, f"pcmesh.{name}"), *_text(target))
    if target.is_class:
        for method, entry in target.members.items():
            if _is_public(method, entry):
                yield from (f"### `{name}.{method}`", "", *_signature(entry, method), *_text(entry))


def _module(name: str, module: Any) -> Iterator[str]:
    """Yield the entries of a public module: those of its own names."""
    yield from (f"## `pcmesh.{name}`", "", *_text(module))
    exported = module.exports or [key for key, one in module.members.items() if not one.is_alias]
    for key in map(str, exported):
        one = module.members[key]
        target = one.final_target if one.is_alias else one
        if not key.startswith("_") and (target.is_class or target.is_function):
            yield from (f"### `pcmesh.{name}.{key}`", "", *_signature(target, key), *_text(target))


def _is_public(name: str, entry: Any) -> bool:
    described = not entry.is_alias and entry.docstring is not None
    return described and not name.startswith("_") and (entry.is_function or "property" in entry.labels)


def _signature(entry: Any, name: str) -> Iterator[str]:
    parameters = entry.parameters if (entry.is_function or entry.is_class) else []
    shown = []
    keyword_only = False
    for one in parameters:
        if one.name in ("self", "cls"):
            continue
        if one.kind is griffe.ParameterKind.keyword_only and not keyword_only:
            keyword_only = True
            shown.append("*")
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(one.kind.value if one.kind else "", "")
        typed = f": {one.annotation}" if one.annotation else ""
        shown.append(f"{star}{one.name}{typed}" + (f" = {one.default}" if one.default and not star else ""))
    gives = f" -> {entry.returns}" if entry.is_function and entry.returns else ""
    is_property = "property" in entry.labels
    line = name if is_property else f"{name}({', '.join(shown)})"
    if len(line) + len(gives) > 100 and not is_property:
        line = f"{name}(\n" + "".join(f"    {one},\n" for one in shown) + ")"
    if entry.is_function or shown or is_property:
        yield from ("```text", line + gives, "```", "")


def _text(entry: Any) -> Iterator[str]:
    for section in entry.docstring.parsed if entry.docstring else ():
        if section.kind is Kind.text:
            yield from (section.value.strip(), "")
        elif section.kind in (Kind.parameters, Kind.attributes):
            yield from ("| name | meaning |", "|---|---|")
            yield from (f"| `{one.name}` | {_cell(one.description)} |" for one in section.value)
            yield ""
        elif section.kind in (Kind.returns, Kind.yields):
            yield from ("**Gives** " + " ".join(_cell(one.description) for one in section.value), "")
        elif section.kind is Kind.raises:
            each = (f"`{one.annotation}`: {_cell(one.description)}" for one in section.value)
            yield from ("**Raises** " + " ".join(each), "")
        elif section.kind is Kind.examples:
            yield from ("```pycon", "\n".join(text for _, text in section.value), "```", "")


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()
