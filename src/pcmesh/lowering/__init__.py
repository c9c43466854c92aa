"""Lowering: passes that turn a captured network into one that suits the chip better, each from graph to graph."""
