"""Mappings by tiles, energy and errors: the keyword network and the RNN-T."""
