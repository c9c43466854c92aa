"""dependencies.md, pyproject.toml, constraints.txt and the imports of the code agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORTED_AS = {"pyvcd": "vcd"}


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~\[ ]", requirement)[0].lower()


def _project() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"main": project["dependencies"], "dev": project["optional-dependencies"]["dev"]}


def test_every_dependency_is_used_and_explained() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    page = (ROOT / "docs" / "dependencies.md").read_text()
    listed = re.findall(r"^\| ([\w-]+) \|", page, re.MULTILINE)[1:]
    wanted = [_name(requirement) for requirement in _project()["main"]]
    assert listed == wanted
    for package in wanted:
        module = IMPORTED_AS.get(package, package.replace("-", "_"))
        assert re.search(rf"^\s*(?:from|import) {module}\b", sources, re.MULTILINE), f"{package} is not used"
    for requirement in _project()["dev"]:
        assert _name(requirement) in page


def test_constraints_pin_every_dependency_exactly() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9a-z.]+", line) for line in lines)
    pinned = {_name(line).replace("_", "-") for line in lines}
    assert {_name(requirement) for group in _project().values() for requirement in group} <= pinned
