"""A user's network as a graph of analog matrix products and digital operations."""

from pcmesh.network.graph import AnalogLayer, DigitalOperation, LayerGraph, Vector
from pcmesh.network.layers import AnalogLinear
from pcmesh.network.operations.records import OperationRecord, Rule
from pcmesh.network.operations.rewrite import Context, Replacement

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
