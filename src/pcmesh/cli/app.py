"""The program `pcmesh`: its commands, and how errors reach people."""

from __future__ import annotations

import errno
import sys
from typing import Annotated, NoReturn

import typer

from pcmesh import __version__
from pcmesh.cli.chip_model import evaluate, summary
from pcmesh.cli.choose import choose
from pcmesh.cli.compile import compile_
from pcmesh.cli.disasm import asm, disasm
from pcmesh.cli.inspect import inspect
from pcmesh.cli.kws import kws
from pcmesh.cli.paper import paper
from pcmesh.cli.perf import perf
from pcmesh.cli.rnnt import rnnt
from pcmesh.cli.sensitivity import OWN, sensitivity
from pcmesh.cli.sensitivity_own import own
from pcmesh.cli.transport import transport
from pcmesh.cli.verify import verify
from pcmesh.errors import PcmeshError

EXIT_USER_ERROR = 2

app = typer.Typer(
    name="pcmesh",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"pcmesh {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Compile neural networks for a 14-nm analog-AI chip and run them on its digital twin.

    The chip is that of Ambrogio et al., Nature 620, 768 (2023): 34 tiles, each 512 x 512 cells of four PCMs.

    Type first: [bold]pcmesh kws[/bold] spots keywords in speech on four simulated tiles.

    Then ask: [bold]pcmesh kws --time-since-programming 1mo[/bold] shows what a month of drift does,
    [bold]pcmesh rnnt transcribe FILE[/bold] writes down what a recording says,
    [bold]pcmesh paper[/bold] sets each claim of the paper beside what is computed here.
    """


app.add_typer(kws)
app.add_typer(rnnt)
sensitivity.command(OWN)(own)
app.add_typer(sensitivity)
app.command("compile")(compile_)
app.command("choose")(choose)
app.command("summary")(summary)
app.command("evaluate")(evaluate)
app.command("inspect")(inspect)
app.command("disasm")(disasm)
app.command("asm")(asm)
app.command("transport")(transport)
app.command("verify")(verify)
app.command("perf")(perf)
app.command("paper")(paper)


def main() -> None:
    """Run the program; an error that the user can mend is one line on standard error and exit status 2."""
    try:
        app()
    except PcmeshError as error:
        _stop(str(error))
    except MemoryError:
        _stop("out of memory. Use fewer chips or a smaller network")
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        _stop(f"{error.filename or 'input or output'}: {error.strerror or error}")


def _stop(message: str) -> NoReturn:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(EXIT_USER_ERROR)
