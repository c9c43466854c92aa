"""The report of the RNN-T on chips, rendered only from its result.json."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from markupsafe import Markup, escape

from pcmesh.reporting.drawings import rnnt_figures
from pcmesh.reporting.drawings.kws_figures import error_maps, scatter
from pcmesh.reporting.pages.html import flatten, render
from pcmesh.reporting.pages.kws import RECORDED, SYNTHETIC

SHOWN = 40
"""Transcripts in the report: first those that differ."""


def render_rnnt(result: Mapping[str, Any]) -> str:
    """Return the self-contained HTML report of a result of `pcmesh rnnt evaluate --engine chip`."""
    layers = result["layers"]
    figures = {
        "rates": rnnt_figures.rates(result["conditions"], result["software"]["wer"]),
        "errors": rnnt_figures.error_histograms(layers),
        "scatter": scatter({one["name"]: one["scatter"] for one in layers}),
        "spreads": rnnt_figures.spreads(result["programming"]),
        "error_maps": error_maps([one for one in result["programming"] if "error_map" in one]),
    }
    ordered = sorted(result["utterances"], key=lambda one: one["software"] == one["chip"])
    return render(
        "rnnt.html.j2",
        result=result,
        speech=SYNTHETIC if result["data"]["kind"] == "synthetic" else RECORDED,
        last=result["conditions"][-1],
        figures=figures,
        transcripts=[marked(one) for one in ordered[:SHOWN]],
        different=sum(one["software"] != one["chip"] for one in ordered),
        settings=flatten({**result["configuration"], **result["versions"]}),
    )


def marked(one: Mapping[str, str]) -> dict[str, Markup]:
    """Return what was said and written, with the words that differ from what was said marked."""
    said = one["reference"].split()
    return {
        "file": escape(one["file"]),
        "reference": escape(one["reference"]),
        "software": _differences(said, one["software"].split()),
        "chip": _differences(said, one["chip"].split()),
    }


def _differences(said: list[str], written: list[str]) -> Markup:
    parts = []
    for kind, start, stop, first, last in SequenceMatcher(None, said, written, autojunk=False).get_opcodes():
        words = escape(" ".join(written[first:last]))
        if kind == "equal":
            parts.append(words)
        elif kind == "delete":
            parts.append(Markup("<del>{}</del>").format(" ".join(said[start:stop])))
        else:
            parts.append(Markup("<mark>{}</mark>").format(words))
    return Markup(" ").join(parts)
