"""The public names: all of them load, type checkers see them, and wrong options are refused before anything runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import pcmesh

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", pcmesh.__all__)
def test_every_public_name_loads_and_says_what_it_is(name: str) -> None:
    found = getattr(pcmesh, name)
    if name != "__version__":
        assert found.__doc__, f"pcmesh.{name} has no docstring"


def test_the_lists_of_names_are_one() -> None:
    assert set(pcmesh.__all__) - {"__version__"} == set(pcmesh._PUBLIC)
    assert dir(pcmesh) == sorted(pcmesh.__all__)
    with pytest.raises(AttributeError, match="no attribute 'compil'"):
        pcmesh.compil  # noqa: B018


def test_importing_it_loads_no_torch() -> None:
    code = "import sys, pcmesh; assert 'torch' not in sys.modules, 'torch was loaded'"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.long
def test_a_type_checker_refuses_a_wrong_option(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api")
    (tmp_path / "good.py").write_text(
        "import pcmesh, torch\npcmesh.compile(torch.nn.Linear(2, 2), torch.zeros(1, 2))\n"
    )
    (tmp_path / "bad.py").write_text("import pcmesh, torch\npcmesh.compile(torch.nn.Linear(2, 2), 0, encodin='AB')\n")
    settings = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    assert api.run([*settings, str(tmp_path / "good.py")])[2] == 0
    out, _, code = api.run([*settings, str(tmp_path / "bad.py")])
    assert code == 1
    assert 'Unexpected keyword argument "encodin"' in out


def test_no_class_name_stands_for_two_things() -> None:
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / "src" / "pcmesh").rglob("*.py")):
        for name in re.findall(r"^class ([A-Z]\w*)", file.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(name, []).append(str(file.relative_to(ROOT)))
    assert {name: files for name, files in found.items() if len(files) > 1} == {}
