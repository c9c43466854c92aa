"""The digital side of layers whose matrix products run on tiles: unfolding, affine maps, gates, states."""

from pcmesh.model.layers.convolution import AnalogConvolution, AnalogTransposedConvolution, ConvolutionShape
from pcmesh.model.layers.linear import Affine, AnalogLinear, BlockProducts, gathered
from pcmesh.model.layers.recurrent import AnalogCell, AnalogRecurrent, CellCalls

__all__ = [
    "Affine",
    "AnalogCell",
    "AnalogConvolution",
    "AnalogLinear",
    "AnalogRecurrent",
    "AnalogTransposedConvolution",
    "BlockProducts",
    "CellCalls",
    "ConvolutionShape",
    "gathered",
]
