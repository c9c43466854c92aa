"""The report of `pcmesh paper`, rendered only from its result.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcmesh.reporting.claims import deviation_text, value_text
from pcmesh.reporting.drawings.paper_figures import draw
from pcmesh.reporting.pages.html import flatten, render


def render_paper(result: Mapping[str, Any]) -> str:
    """Return the self-contained HTML report of a result of `pcmesh paper`."""
    rows = [
        {
            **row,
            "paper_text": f"{value_text(row['paper'], row['relation'])} {row['unit']}",
            "ours_text": value_text(row["ours"]),
            "deviation_text": deviation_text(row),
            "also": [{**also, "text": value_text(also["value"])} for also in row["also"]],
        }
        for row in result["claims"]
    ]
    figures = [
        {**figure, "pictures": draw(figure["data"]) if figure["data"] is not None else []}
        for figure in result.get("figures", ())
    ]
    return render(
        "paper.html.j2",
        rows=rows,
        figures=figures,
        result=result,
        settings=flatten({**result["configuration"], **(result.get("versions") or {})}),
    )
