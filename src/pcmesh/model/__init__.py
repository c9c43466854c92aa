"""A user's network as a graph of analog matrix products and digital operations."""

from pcmesh.model.graph import AnalogLayer, DigitalOperation, LayerGraph, Vector

__all__ = ["AnalogLayer", "DigitalOperation", "LayerGraph", "Vector"]
