"""Kinds and sizes of the disturbances that a network meets while it learns."""

from __future__ import annotations

from dataclasses import dataclass

from pcmesh.checks import CountOrNone, Positive, Size, check_fields


@dataclass(frozen=True, kw_only=True)
class NoiseConfig:
    """What a network meets while it learns; a value of zero switches a disturbance off.

    Attributes:
        weight_sigma: standard deviation of the weight noise as a fraction of the layer's max|W| (paper: 0.02 of
            weights in (-1, 1)).
        weight_relative: the part of the weight noise that grows with the weight, as a fraction of its own magnitude.
        columns: whether each column (output of a layer) is written with a gain of its own, so that `weight_sigma` is a
            fraction of the column's largest weight.
        output_sigma: standard deviation of the noise on a layer's outputs as a fraction of their largest magnitude
            in the batch (paper: 0.04).
        weight_limit: `clip_weights` holds every weight within +- this (paper: 1).
        input_levels: largest magnitude of a layer's integer inputs; 255 is the chip's INT9 (sign and UINT8), with
            one full scale a layer: the largest input of recent mini-batches. Gradients pass the rounding unchanged.
    """

    weight_sigma: Size = 0.02
    weight_relative: Size = 0.0
    columns: bool = False
    output_sigma: Size = 0.04
    weight_limit: Positive = 1.0
    input_levels: CountOrNone = 0

    def __post_init__(self) -> None:
        check_fields(self)
