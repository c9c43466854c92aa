"""Mutation score: which small faults, put into a source file one at a time, do its tests notice? (`make mutants`)

Cosmic Ray names the faults. Each runs in a process of its own, forked after the large libraries were loaded, which
imports the faulty source from memory: no file is changed. `[tool.pcmesh.mutants]` of pyproject.toml names the sources,
their tests, and the operators that are left out because what they make is no fault (`is` for `==`, annotations).
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib.util
import io
import multiprocessing
import os
import random
import re
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
LIBRARIES = ("torch", "numpy", "scipy", "scipy.optimize", "numba", "pydantic", "hypothesis", "pytest")
LIMIT_S = 60.0
"""A mutant that runs longer than its tests ever should is killed by that."""


@dataclass(frozen=True)
class Target:
    """A source file with the tests that shall notice its faults."""

    source: Path
    tests: tuple[str, ...]

    @property
    def module(self) -> str:
        return ".".join(self.source.relative_to("src").with_suffix("").parts)


@dataclass(frozen=True)
class Mutant:
    """One fault: where, by which operator, and the whole source with it."""

    line: int
    operator: str
    source: str


class Faulty(MetaPathFinder, Loader):
    """Imports one module from a text instead of its file."""

    def __init__(self, target: Target, source: str) -> None:
        self._target, self._source = target, source

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != self._target.module:
            return None
        return importlib.util.spec_from_file_location(name, ROOT / self._target.source, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(self._target.source), "exec"), module.__dict__)


def mutants(target: Target, excluded: Sequence[str]) -> Iterator[Mutant]:
    """Yield all faults of a source that differ from it, each once."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    text = (ROOT / target.source).read_text(encoding="utf-8")
    tree, seen = get_ast(text), {ast.dump(ast.parse(text))}
    for name in sorted(operator_names()):
        if any(re.search(pattern, name) for pattern in excluded) or get_operator(name).arguments():
            continue
        operator = get_operator(name)()
        places = [start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for occurrence, (line, _) in enumerate(places):
            source = mutate_code(text, operator, occurrence)
            meaning = ast.dump(ast.parse(source))
            if meaning not in seen:
                seen.add(meaning)
                yield Mutant(line, name.removeprefix("core/"), source)


def run_tests(target: Target, source: str) -> None:
    """Run the tests of a source in this process, which ends with pytest's exit code."""
    import pytest

    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    sys.meta_path.insert(0, Faulty(target, source))
    os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", *target.tests])))


def survivors(target: Target, made: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Return the mutants that all tests let pass."""
    context, waiting = multiprocessing.get_context("fork"), list(reversed(made))
    running: dict[BaseProcess, tuple[Mutant, float]] = {}
    passed: list[Mutant] = []
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            process = context.Process(target=run_tests, args=(target, mutant.source))
            process.start()
            running[process] = (mutant, time.monotonic() + LIMIT_S)
        time.sleep(0.01)
        for process, (mutant, end) in list(running.items()):
            if process.is_alive() and time.monotonic() > end:
                process.kill()
                process.join()
            if not process.is_alive():
                del running[process]
                passed += [mutant] if process.exitcode == 0 else []
    return sorted(passed, key=lambda mutant: (mutant.line, mutant.operator))


def score(target: Target, excluded: Sequence[str], most: int, jobs: int, verbose: bool) -> tuple[int, int]:
    """Print and return how many mutants of a source were made and killed."""
    start = time.monotonic()
    text = (ROOT / target.source).read_text(encoding="utf-8")
    if not survivors(target, [Mutant(0, "none", text)], 1):
        raise SystemExit(f"{target.source}: its tests fail without any fault: {' '.join(target.tests)}")
    made = list(mutants(target, excluded))
    tried = made if len(made) <= most else random.Random(0).sample(made, most)
    alive = survivors(target, tried, jobs)
    killed, lines = len(tried) - len(alive), text.splitlines()
    print(
        f"{target.source}: {killed} of {len(tried)} killed ({100 * killed / len(tried):.1f} %), "
        f"of {len(made)} mutants; {time.monotonic() - start:.0f} s",
        flush=True,
    )
    for mutant in alive if verbose else ():
        changed = [line for line in mutant.source.splitlines() if line not in lines]
        print(f"  line {mutant.line} {mutant.operator}: {changed[0].strip() if changed else lines[mutant.line - 1]}")
    return len(tried), killed


def main() -> None:
    """Print the score of every source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="names of the sources, without folder and .py (all)")
    parser.add_argument("--most", type=int, default=10**6, help="mutants tried for each file (all)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at a time")
    parser.add_argument("--least", type=float, default=90.0, help="score (%%) below which the exit code is 1")
    parser.add_argument("--quiet", action="store_true", help="do not list the mutants that survive")
    options = parser.parse_args()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pcmesh"]["mutants"]
    for name in LIBRARIES:
        importlib.import_module(name)
    with contextlib.redirect_stdout(io.StringIO()):
        sys.modules["pytest"].main(["--collect-only", "-q", __file__])  # loads its plugins; there is no test here
    assert not any(name.startswith("pcmesh") for name in sys.modules)
    low = False
    for entry in settings["file"]:
        target = Target(Path(entry["source"]), tuple(entry["tests"]))
        if options.files and target.source.stem not in options.files:
            continue
        tried, killed = score(target, settings["excluded-operators"], options.most, options.jobs, not options.quiet)
        low = low or 100 * killed < options.least * tried
    raise SystemExit(low)


if __name__ == "__main__":
    main()
