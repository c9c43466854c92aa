"""Runs the commands that documents show and puts their true output there: `python docs/outputs.py [DOCUMENT...]`.

A `console` block with one command gets that command's output. Commands run in a temporary folder that holds MLPerf's
manifest where there is one (folder PCMESH_DATA). Without arguments: README.md (`make readme`).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
MANIFEST = Path(os.environ.get("PCMESH_DATA", ROOT.parent / "shared" / "data")) / "mlperf_rnnt" / "dev-clean-wav.json"
BLOCK = re.compile(r"(?<=^```console\n)\$ (pcmesh [^\n]*)\n.*?(?=^```)", re.MULTILINE | re.DOTALL)


def shown(command: str, folder: Path) -> str:
    """Return a command's line and what it prints to a pipe, without trailing blanks."""
    run = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, check=True, cwd=folder
    )
    lines = [line.rstrip() for line in run.stdout.splitlines()]
    return "\n".join([f"$ {command}", *lines]).rstrip() + "\n"


if __name__ == "__main__":
    for name in sys.argv[1:] or ["README.md"]:
        document = ROOT / name
        with tempfile.TemporaryDirectory() as folder:
            if MANIFEST.is_file():
                shutil.copy(MANIFEST, folder)
            place = Path(folder)
            text = BLOCK.sub(lambda block, place=place: shown(block[1], place), document.read_text(encoding="utf-8"))
        document.write_text(text, encoding="utf-8")
