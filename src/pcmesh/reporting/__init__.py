"""Results and compiled networks as self-contained HTML and SVG, rendered only from what they are given."""

from pcmesh.reporting.compiled import compiled_pictures, render_compiled
from pcmesh.reporting.kws import render_kws
from pcmesh.reporting.perf import render_perf
from pcmesh.reporting.rnnt import render_rnnt
from pcmesh.reporting.words import schedule_words

__all__ = ["compiled_pictures", "render_compiled", "render_kws", "render_perf", "render_rnnt", "schedule_words"]
