"""What a sensitivity analysis finds, as plain data: the same keys for every network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pcmesh.analysis.sensitivity.advice import advise
from pcmesh.analysis.sensitivity.curves import Sensitivity, most_sensitive
from pcmesh.analysis.sensitivity.effective_bits import effective_bits


def findings(
    found: Sensitivity,
    whole: str,
    layers: Sequence[str],
    rows: Mapping[str, int],
    tile_rows: int,
    chip_accuracies: Sequence[float],
    programming_bits: Callable[[], float] | None = None,
) -> dict[str, Any]:
    """Return curves, thresholds, effective bits and advice; docs/sensitivity.md describes the keys.

    Args:
        found: the curves.
        whole: the group that chips hold.
        layers: groups that are layers.
        rows, tile_rows: as `advise` takes them.
        chip_accuracies: of chips that run `whole`.
        programming_bits: gives the bits that programming errors are worth, which stand in where there are no chips.
    """
    precision = effective_bits(found.curve(whole), chip_accuracies) if chip_accuracies else None
    curves = [found.curve(name) for name in layers]
    if precision is None:
        assert programming_bits is not None
        against, source = programming_bits(), "programming error alone"
    else:
        tried = found.curve(whole).bits  # a chip beyond the curve is worth at least, or at most, the bits at its end
        against, source = min(max(precision.mean, tried[0]), tried[-1]), "chip runs"
    return {
        "baseline": found.baseline.accuracy,
        "kept": found.kept,
        "limit": found.limit,
        "curves": [curve.as_json() for curve in found.curves],
        "whole": whole,
        "layers": list(layers),
        "effective_bits": None
        if precision is None
        else {"accuracy_per_chip": list(chip_accuracies), **asdict(precision)},
        "chip_bits": {"bits": against, "source": source},
        "most_sensitive": dict(zip(("layers", "share_of_draws"), most_sensitive(curves), strict=True)),
        "advice": [asdict(entry) for entry in advise(curves, rows, tile_rows, against)],
    }
