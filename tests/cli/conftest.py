"""Running the program in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from pcmesh.cli import main
from pcmesh.cli.output import console


class Outcome(NamedTuple):
    """What a run of the program left behind."""

    code: int
    out: str
    err: str


Program = Callable[..., Outcome]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Run `pcmesh` with arguments."""

    def run(*arguments: object) -> Outcome:
        console.cache_clear()
        monkeypatch.setattr(sys, "argv", ["pcmesh", *map(str, arguments)])
        code: object = 0
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code
        streams = capsys.readouterr()
        return Outcome(code if isinstance(code, int) else 0, streams.out, streams.err)

    return run
