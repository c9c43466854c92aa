"""The documents are true: examples run, chips load, commands exist, links lead somewhere, tables are current."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pcmesh.hardware import describe, load_chip
from tests.cli.conftest import Program, program  # noqa: F401  (a fixture)

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def _blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_python_examples_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "example"}  # a page is read from its top
    for block in _blocks(document, "python"):
        exec(compile(block, document.name, "exec"), names)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_chip_examples_load(document: Path, tmp_path: Path) -> None:
    for block in _blocks(document, "toml"):
        path = tmp_path / "example.toml"
        path.write_text(block, encoding="utf-8")
        load_chip(path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_commands_and_their_options_exist(document: Path, program: Program) -> None:  # noqa: F811
    for line in "\n".join(_blocks(document, "(?:console|sh)")).splitlines():
        if not re.match(r"(\$ )?pcmesh ", line):  # what a command prints
            continue
        words = shlex.split(line.removeprefix("$ "), comments=True)
        command = [word for word in words[1:3] if re.fullmatch(r"[a-z]+|\S+\.py:\w+", word)]
        while (outcome := program(*command, "--help")).code != 0:
            command.pop()
        assert command or words[1:] == ["--help"], line
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert option in outcome.out, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_links_lead_to_files(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target


GENERATED = ["api.md", "architecture.md", "chip.md", "microcode.md", "operations.md", "performance.md", "physics.md"]


@pytest.mark.parametrize("document", GENERATED)
def test_generated_tables_are_current(document: str, reference: ModuleType) -> None:
    current = (ROOT / "docs" / document).read_text(encoding="utf-8")
    assert current == reference.updated(document), "run: make docs"


def test_every_key_of_a_chip_is_described(reference: ModuleType) -> None:
    for name, spec in describe.tables():
        for key, field in spec.model_fields.items():
            assert field.description, f"{name}.{key}"
            assert f"`{name}.{key}`" in reference.chip_sources(), f"{name}.{key} has no source"
