"""What a sensitivity analysis says about mapping: which layers to keep digital, to expand, to put in asymmetry balance.

The rule is the paper's reasoning ("RNNT mapping on chip", Fig. 4d) put in numbers, and assumes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pcmesh.analysis.sensitivity.curves import Curve

SMALL_SHARE = 0.005
"""A layer with at most this share of the weights costs little in digital (joint-FC of the paper: 0.03 %)."""

AB_MARGIN_BITS = 1.0
"""Layers whose threshold comes this close to what the chip gives are sensitive (assumed)."""


@dataclass(frozen=True)
class Advice:
    """What to do with one layer, and why."""

    layer: str
    choice: str
    why: str


def advise(layers: Sequence[Curve], rows: Mapping[str, int], tile_rows: int, chip_bits: float) -> list[Advice]:
    """Return a choice for each layer, the most sensitive first.

    Args:
        layers: curve of each layer.
        rows: layer -> rows of its matrix whose input comes from the digital side alone, so that it can be expanded.
        tile_rows: rows that two tiles with shared capacitors have for it in asymmetry balance.
        chip_bits: effective precision of the chip.
    """
    total = sum(curve.weights for curve in layers)
    ranked = sorted(layers, key=lambda curve: -curve.threshold)
    return [_choice(curve, rows.get(curve.group), tile_rows, curve.weights / total, chip_bits) for curve in ranked]


def _choice(curve: Curve, rows: int | None, tile_rows: int, share: float, chip_bits: float) -> Advice:
    over = curve.threshold - chip_bits
    if over > 0 and share <= SMALL_SHARE:
        return Advice(
            curve.group, "digital", f"needs more than the chip gives, and holds {100 * share:.2f} % of weights"
        )
    if over > -AB_MARGIN_BITS and rows is not None and 2 * rows <= tile_rows:
        return Advice(curve.group, "AB, expand", f"sensitive; fills {rows:,} of {tile_rows:,} rows")
    if over > -AB_MARGIN_BITS:
        need = "more bits than the chip gives" if over > 0 else f"within {AB_MARGIN_BITS:g} bit of what the chip gives"
        return Advice(curve.group, "AB", f"needs {need}" if over > 0 else need)
    return Advice(curve.group, "2-PCM", "insensitive: dense mapping saves tiles and energy")
