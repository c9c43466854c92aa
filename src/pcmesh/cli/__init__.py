"""The command line: one file per command, no logic."""

from pcmesh.cli.app import main

__all__ = ["main"]
