"""Results and compiled networks as self-contained HTML and SVG, rendered only from what they are given."""

from pcmesh.reporting.drawings.words import schedule_words
from pcmesh.reporting.pages.compiled import compiled_pictures, render_compiled
from pcmesh.reporting.pages.kws import render_kws
from pcmesh.reporting.pages.perf import render_perf
from pcmesh.reporting.pages.rnnt import render_rnnt

__all__ = ["compiled_pictures", "render_compiled", "render_kws", "render_perf", "render_rnnt", "schedule_words"]
