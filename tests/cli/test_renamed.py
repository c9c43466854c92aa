"""Old spellings of options name the new ones."""

from __future__ import annotations

import pytest
import typer

from pcmesh.cli.app import app
from pcmesh.cli.renamed import RENAMED, check_spelling
from tests.cli.conftest import Program


@pytest.mark.parametrize(("command", "option"), RENAMED)
def test_an_old_option_names_the_new_one(program: Program, command: str, option: str) -> None:
    for words in ((option, "9"), (f"{option}=9",)):
        outcome = program(command, "kws", *words)
        assert outcome.code == 2
        assert option in outcome.err
        assert RENAMED[command, option] in outcome.err
        assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(("command", "option"), RENAMED)
def test_the_table_names_options_that_exist_and_none_that_still_does(command: str, option: str) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    known = {name for parameter in commands[command].params for name in parameter.opts}
    assert option not in known
    assert {word for word in RENAMED[command, option].split() if word.startswith("--")} <= known


def test_the_same_name_stays_with_other_commands_and_after_two_dashes() -> None:
    check_spelling(["perf", "kws", "--utterances", "1"])
    check_spelling(["sensitivity", "--", "--utterances"])
