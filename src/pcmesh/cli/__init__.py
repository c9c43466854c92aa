"""The command line: one file per command, no logic."""

import os

# PyTorch's threads wait actively for work unless told otherwise, and then take the cores from the compiled kernels.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pcmesh.cli.app import main

__all__ = ["main"]
