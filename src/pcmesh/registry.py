"""Registries: what ships with pcmesh under a name, and what installed packages add through an entry point."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pcmesh.checks import unknown
from pcmesh.errors import ConfigurationError

PREFIX = "pcmesh."
"""Groups of entry points that begin so are pcmesh's."""


@dataclass(frozen=True)
class Registry:
    """Named things of one kind; each is loaded when it is asked for, so that a list of names imports nothing.

    Attributes:
        kind: what the things are, for messages.
        group: the entry points' group.
        protocol: "module:attribute" of the class or runtime-checkable Protocol that every thing is of.
        shipped: name -> "module:attribute" of those that ship.
    """

    kind: str
    group: str
    protocol: str
    shipped: Mapping[str, str] = field(hash=False)

    def names(self) -> tuple[str, ...]:
        """Return the names, those that ship first."""
        return (*self.shipped, *sorted({entry.name for entry in self._added()} - set(self.shipped)))

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def known(self, name: str) -> str:
        """Return a name that can be loaded; for pydantic.

        Raises:
            ValueError: no such name.
            ConfigurationError: what a package adds under this name cannot be used.
        """
        if name not in self.shipped:
            if name not in self:
                raise ValueError(str(unknown(self.kind, name, self.names())))
            self.load(name)
        return name

    def load(self, name: str) -> Any:
        """Return the thing of a name; one that ships stands before one that a package adds under the same name.

        Raises:
            ConfigurationError: no such name, two packages add it, or what its package gives is none of the kind.
        """
        if name in self.shipped:
            return _attribute(self.shipped[name])
        found = {(entry.value, _package(entry)): entry for entry in self._added() if entry.name == name}
        if not found:
            raise unknown(self.kind, name, self.names())
        if len(found) > 1:
            packages = " and ".join(sorted(package for _, package in found))
            raise ConfigurationError(
                f"the {self.kind} {name!r} comes from more than one package: {packages}", "Remove all but one"
            )
        ((_, package), entry) = next(iter(found.items()))
        try:
            thing = entry.load()
        except Exception as error:  # whatever the code of a package raises
            raise ConfigurationError(
                f"the {self.kind} {name!r} of {package} ({entry.value}) cannot be loaded: "
                f"{type(error).__name__}: {error}",
                f"Correct or remove {package}",
            ) from error
        if not isinstance(thing, _attribute(self.protocol)):
            raise ConfigurationError(
                f"the {self.kind} {name!r} of {package} ({entry.value}) is a {type(thing).__name__}, not what "
                f"{self.protocol.replace(':', '.')} asks for",
                f"Correct or remove {package}",
            )
        return thing

    def _added(self) -> tuple[EntryPoint, ...]:
        return _entries(self.group, tuple(sys.path))


@lru_cache(64)
def _entries(group: str, _path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group; reading them takes milliseconds, so that they are kept while the path is."""
    return tuple(entry_points(group=group))


def plugins() -> tuple[str, ...]:
    """Return what installed packages add to pcmesh, each as "group:name=value package version"."""
    known = entry_points()
    found = (entry for group in known.groups if group.startswith(PREFIX) for entry in known.select(group=group))
    return tuple(sorted({f"{entry.group}:{entry.name}={entry.value} {_package(entry)}" for entry in found}))


def _attribute(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "a package"
