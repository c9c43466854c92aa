"""A user's network as a graph of analog matrix products and digital operations."""

from pcmesh.model.graph import AnalogLayer, DigitalOperation, LayerGraph, Vector
from pcmesh.model.layers import AnalogLinear
from pcmesh.model.operations import OperationRecord, Rule
from pcmesh.model.rewrite import Context, Replacement

__all__ = [
    "AnalogLayer",
    "AnalogLinear",
    "Context",
    "DigitalOperation",
    "LayerGraph",
    "OperationRecord",
    "Replacement",
    "Rule",
    "Vector",
]
