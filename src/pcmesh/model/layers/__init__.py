"""The digital side of layers whose matrix products run on tiles: unfolding, affine maps, gates, states."""

from pcmesh.model.layers.contraction import AnalogContraction, ContractionPlan, ContractionStep, planned
from pcmesh.model.layers.convolution import AnalogConvolution, AnalogTransposedConvolution, ConvolutionShape
from pcmesh.model.layers.linear import Affine, AnalogChain, AnalogEmbedding, AnalogLinear, BlockProducts, gathered
from pcmesh.model.layers.recurrent import AnalogCell, AnalogRecurrent, CellCalls, InputSigns, Packing, recurrent_cells

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
