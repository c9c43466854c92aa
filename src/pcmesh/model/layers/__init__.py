"""The digital side of layers whose matrix products run on tiles: unfolding, affine maps, gates, states."""

from pcmesh.model.layers.convolution import AnalogConvolution, AnalogTransposedConvolution, ConvolutionShape
from pcmesh.model.layers.linear import Affine, AnalogEmbedding, AnalogLinear, BlockProducts, gathered
from pcmesh.model.layers.recurrent import AnalogCell, AnalogRecurrent, CellCalls, InputSigns, Packing, recurrent_cells

__all__ = [
    "Affine",
    "AnalogCell",
    "AnalogConvolution",
    "AnalogEmbedding",
    "AnalogLinear",
    "AnalogRecurrent",
    "AnalogTransposedConvolution",
    "BlockProducts",
    "CellCalls",
    "ConvolutionShape",
    "InputSigns",
    "Packing",
    "gathered",
    "recurrent_cells",
]
