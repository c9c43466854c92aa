"""A chip model written to a folder, with what people read of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pcmesh.cli.output import REPORT_FILE, console, write_result

if TYPE_CHECKING:
    from pcmesh.compiled import CompiledNetwork
    from pcmesh.deployed import ChipModel


def write_model(model: ChipModel, out: Path, report: bool, force: bool, json: Path | None) -> None:
    """Write a chip model to a folder, with a report of its routed layers, and print its summary."""
    from pcmesh.files.folders import ROUTED

    compiled = model.program.compiled if report else None
    page = None if compiled is None else compiled_page(compiled)
    model.save(out, report=page, force=force)
    console().print(model.summary(), markup=False, soft_wrap=True)
    write_result(model.figures(), json, None)
    written = [out] if page is None else [out, out / ROUTED / REPORT_FILE]
    console().print("Written: " + ", ".join(map(str, written)))


def compiled_page(compiled: CompiledNetwork) -> str:
    """Return the report of a compiled network."""
    from pcmesh.reporting import render_compiled

    return render_compiled(compiled.chip, compiled.mapping, compiled.placement, compiled.routing)
