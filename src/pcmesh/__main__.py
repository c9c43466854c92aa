"""`python -m pcmesh` is the program `pcmesh`."""

import sys
from pathlib import Path

if not sys.flags.safe_path and sys.path and Path(sys.path[0] or ".").resolve() == Path.cwd():
    # `python -m` looks for modules in the current folder first, where a user's numpy.py may lie; `pcmesh` does not.
    del sys.path[0]

from pcmesh.cli import main

main()
