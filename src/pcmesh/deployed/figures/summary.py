"""What `summary()` prints: tables of at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from pcmesh.deployed.choices.routes import RouteFigures
from pcmesh.deployed.figures.footprint import ModelFigures, OperationFigures, ProductFigures, model_figures
from pcmesh.deployed.program import Program
from pcmesh.durations import format_duration
from pcmesh.physics.fabrication import Instance

WIDTH = 100
_NAME = 34
_ORDER = ("analog", "digital", "folded", "moved")


def summary_text(program: Program, instance: Instance, age_s: float) -> str:
    """Return the summary of a chip model: of a compiled network on a chip instance of some age."""
    figures = model_figures(program)
    title = f"{program.choice.name} on {program.chip.name}, chip instance {instance.number}"
    age = f", {format_duration(age_s)} after calibration" if age_s else ""
    lines = [title + age, *_overview(figures), "", *_products(figures.products), "", *_operations(figures)]
    if figures.routes:
        lines += ["", *_routes(figures.routes)]
    if program.warnings:
        lines += ["", "Warnings", *(line for text in program.warnings for line in _wrapped(text))]
    return "\n".join(lines)


def _overview(f: ModelFigures) -> list[str]:
    total = f.analog_operations + f.digital_operations
    chips = f"{f.chips} chip" + ("s" if f.chips != 1 else "")
    rows = [
        ("weights on tiles", f"{f.analog_weights:,} (each once); {f.digital_weights:,} parameters stay digital"),
        ("tiles", f"{f.tiles} on {chips}, {100 * f.used:.1f} % of their cells hold a weight; {f.devices:,} PCMs"),
        ("operations a sample", f"{total:,.0f}, {100 * f.analog_operations / max(total, 1):.1f} % of them analog"),
        (
            "time a sample",
            f"{_time(f.latency_s)} to the last code, then {_time(f.after_s)} digital; "
            f"every {_time(f.interval_s)} when pipelined",
        ),
        ("energy a sample", f"{_energy(f.energy_j)} ({f.energy_by}; fitted and assumed costs)"),
    ]
    return [f"  {name:<22}{value}" for name, value in rows]


def _products(products: Sequence[ProductFigures]) -> list[str]:
    head = ("matrix", "rows x columns", "holds", "tiles", "chip", "used", "vectors", "steps", "uses")
    rows = [
        (
            _short(p.name, _NAME),
            f"{p.rows} x {p.columns}",
            p.way,
            f"{p.tiles}" + (f"+{p.shared} shared" if p.shared else ""),
            _chips(p.chips),
            f"{100 * p.used:.0f} %",
            f"{p.vectors:g}" if p.vectors < 1e5 else f"{p.vectors:.2e}",
            str(p.steps),
            str(p.uses),
        )
        for p in products
    ]
    return [
        "Matrix products, on tiles (vectors: for each sample; steps: of 300 ns for each vector)",
        *_columns(head, rows),
    ]


def _routes(routes: Sequence[RouteFigures]) -> list[str]:
    head = ("chip", "steps", "output slots", "frame", "next frame", "controller words")
    rows = [
        (
            str(r.chip),
            str(r.steps),
            str(r.output_slots),
            f"{r.time_ns:,} ns",
            f"{r.interval_ns:,} ns",
            f"{r.sram_words} of {r.sram_words_available}",
        )
        for r in routes
    ]
    return ["Routes (a frame: every layer on the chip takes one vector, all at once)", *_columns(head, rows)]


def _operations(figures: ModelFigures) -> list[str]:
    lines = ["Operations"]
    for where in _ORDER:
        found = [entry for entry in figures.operations if entry.where == where]
        if where == "moved":
            kinds = ", ".join(sorted({entry.kind for entry in found}))
            if found:
                lines += _wrapped(f"moved, no arithmetic: {kinds}")
            continue
        for entry in sorted(found, key=lambda e: -e.operations):
            lines += _operation(entry)
    return lines


def _operation(entry: OperationFigures) -> list[str]:
    modules = [name or "(top)" for name in entry.modules[:3]] + (["..."] if len(entry.modules) > 3 else [])
    count = f"{entry.operations:,.0f}" if entry.operations else "-"
    head = f"{entry.where:<8}{entry.kind:<29}{entry.calls:>4} x {count:>14}  "
    return textwrap.wrap(
        f"{entry.why} [{', '.join(_short(name, 30) for name in modules)}]",
        WIDTH,
        initial_indent=f"  {head}",
        subsequent_indent=" " * (len(head) + 2),
        break_long_words=True,
    )


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  "
        + "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]


def _chips(chips: tuple[int, ...]) -> str:
    if len(chips) > 2 and chips == tuple(range(chips[0], chips[-1] + 1)):
        return f"{chips[0]}-{chips[-1]}"
    return ",".join(map(str, chips))


def _short(name: str, width: int) -> str:
    return name if len(name) <= width else f"...{name[-(width - 3) :]}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _energy(joule: float) -> str:
    for unit, size in (("J", 1.0), ("mJ", 1e-3), ("uJ", 1e-6)):
        if joule >= size:
            return f"{joule / size:.3g} {unit}"
    return f"{joule * 1e9:.3g} nJ"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
