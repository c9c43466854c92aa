"""Chips of the package, each a TOML file beside this module."""

from importlib.resources import files

DIGITAL_CORES = files("pcmesh_example") / "digital_cores.toml"
