"""The program `pcmesh`: its commands, and how errors reach people."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
import warnings
from typing import Annotated, NoReturn, TextIO

import typer
from safetensors import SafetensorError

from pcmesh.cli.artefacts.chip import chip
from pcmesh.cli.artefacts.compare import compare
from pcmesh.cli.artefacts.disasm import asm, disasm
from pcmesh.cli.artefacts.examples import examples
from pcmesh.cli.artefacts.explain import explain
from pcmesh.cli.artefacts.inspect import inspect
from pcmesh.cli.artefacts.verify import verify
from pcmesh.cli.failures import user_traceback
from pcmesh.cli.networks.choose import choose
from pcmesh.cli.networks.compile import compile_
from pcmesh.cli.networks.evaluate import evaluate
from pcmesh.cli.networks.front import front
from pcmesh.cli.networks.perf import perf
from pcmesh.cli.networks.sensitivity import sensitivity
from pcmesh.cli.networks.summary import summary
from pcmesh.cli.renamed import check_spelling
from pcmesh.cli.workloads.kws import kws
from pcmesh.cli.workloads.laws import laws
from pcmesh.cli.workloads.paper import paper
from pcmesh.cli.workloads.rnnt import rnnt
from pcmesh.cli.workloads.transport import transport
from pcmesh.errors import Notice, PcmeshError
from pcmesh.files.writing import disk_failure, is_disk_failure
from pcmesh.version import __version__

EXIT_USER_ERROR, EXIT_DEFECT = 2, 1
DEBUG = "PCMESH_DEBUG"
_LONGEST_MESSAGE = 1_500

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


def _show_tracebacks(wanted: bool) -> None:
    if wanted:
        os.environ[DEBUG] = "1"


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", callback=_show_tracebacks, help=f"Errors with their traceback ({DEBUG}=1, too).")
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
app.add_typer(chip)
app.add_typer(rnnt)
app.command("sensitivity")(sensitivity)
app.command("compile")(compile_)
app.command("compare")(compare)
app.command("examples")(examples)
app.command("explain")(explain)
app.command("choose")(choose)
app.command("summary")(summary)
app.command("evaluate")(evaluate)
app.command("front")(front)
app.command("inspect")(inspect)
app.command("disasm")(disasm)
app.command("asm")(asm)
app.command("transport")(transport)
app.command("verify")(verify)
app.command("perf")(perf)
app.command("paper")(paper)
app.command("laws")(laws)


def main() -> None:
    """Run the program.

    An error that the user can mend is one line on standard error and exit status 2, a defect of pcmesh one line and 1.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be text
    with warnings.catch_warnings():
        _print_notices()
        try:
            try:
                check_spelling(sys.argv[1:])
                app(prog_name="pcmesh")
            finally:
                sys.stdout.flush()
        except Exception as error:
            _report(error)


def _report(error: Exception) -> NoReturn:
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        raise SystemExit(EXIT_DEFECT)
    if isinstance(error, OSError):
        _leave_out_what_is_left()
    message, status = _message(error)
    print(user_traceback(error) if isinstance(error, PcmeshError) else "", end="", file=sys.stderr)
    if os.environ.get(DEBUG, "") not in ("", "0"):
        traceback.print_exception(error)
    print(f"error: {_one_line(message)}", file=sys.stderr)
    raise SystemExit(status)


def _leave_out_what_is_left() -> None:
    """Let Python not try again, when it ends, to write what standard output did not take."""
    output = sys.__stdout__
    if output is None or output is not sys.stdout:
        return
    try:
        output.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output.fileno())
        os.close(nowhere)


def _one_line(message: str) -> str:
    """Return a message without line ends and what else would move a terminal's cursor, and at most so long."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(message.split()))
    if len(text) <= _LONGEST_MESSAGE:
        return text
    return f"{text[: _LONGEST_MESSAGE // 2]} ... {text[-_LONGEST_MESSAGE // 3 :]}"


def _message(error: Exception) -> tuple[str, int]:
    """Return one line about an error, and the exit status."""
    if isinstance(error, PcmeshError):
        return str(error), EXIT_USER_ERROR
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "out of memory. Use fewer chips or a smaller network", EXIT_USER_ERROR
    if isinstance(error, OSError):
        return f"{error.filename or 'input or output'}: {error.strerror or error}", EXIT_USER_ERROR
    if isinstance(error, SafetensorError | RuntimeError) and is_disk_failure(error):
        return f"a file cannot be written ({disk_failure(error)})", EXIT_USER_ERROR
    what = f"internal error of pcmesh {__version__}: {type(error).__name__}: {str(error)[:200]}"
    return f"{what}. Please report it with the traceback that --debug shows: pcmesh --debug ...", EXIT_DEFECT


def _print_notices() -> None:
    """Print pcmesh's own warnings as one line each; those of other packages as Python does."""
    others = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, Notice):
            print(f"note: {_one_line(str(message))}", file=sys.stderr)
        else:
            others(message, category, filename, lineno, file, line)

    warnings.simplefilter("always", Notice)
    warnings.showwarning = show
