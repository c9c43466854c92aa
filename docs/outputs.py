"""Runs the commands that README.md shows and puts their true output there: `python docs/outputs.py` (`make readme`).

A `console` block with one command gets that command's output; results go to a temporary folder.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(?<=^```console\n)\$ (pcmesh [^\n]*)\n.*?(?=^```)", re.MULTILINE | re.DOTALL)


def shown(command: str, folder: Path) -> str:
    """Return a command's line and what it prints to a pipe, without trailing blanks."""
    run = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, check=True, cwd=folder
    )
    lines = [line.rstrip() for line in run.stdout.splitlines()]
    return "\n".join([f"$ {command}", *lines]).rstrip() + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        text = BLOCK.sub(lambda block: shown(block[1], Path(folder)), README.read_text(encoding="utf-8"))
    README.write_text(text, encoding="utf-8")
