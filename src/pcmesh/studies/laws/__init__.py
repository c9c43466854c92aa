"""The published behaviours of the chip, measured on its twin: `pcmesh laws`."""
