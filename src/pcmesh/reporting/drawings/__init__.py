"""Drawings as inline SVG, each from a part of a result."""
