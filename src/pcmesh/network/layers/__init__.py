"""The digital side of layers whose matrix products run on tiles: unfolding, affine maps, gates, states."""

from pcmesh.network.layers.contraction import AnalogContraction, ContractionPlan, ContractionStep, planned
from pcmesh.network.layers.convolution import AnalogConvolution, AnalogTransposedConvolution, ConvolutionShape
from pcmesh.network.layers.linear import Affine, AnalogChain, AnalogEmbedding, AnalogLinear, BlockProducts, gathered
from pcmesh.network.layers.recurrent import AnalogCell, AnalogRecurrent, CellCalls, InputSigns, Packing, recurrent_cells

__all__ = [
    "Affine",
    "AnalogCell",
    "AnalogChain",
    "AnalogContraction",
    "AnalogConvolution",
    "AnalogEmbedding",
    "AnalogLinear",
    "AnalogRecurrent",
    "AnalogTransposedConvolution",
    "BlockProducts",
    "CellCalls",
    "ContractionPlan",
    "ContractionStep",
    "ConvolutionShape",
    "InputSigns",
    "Packing",
    "gathered",
    "planned",
    "recurrent_cells",
]
