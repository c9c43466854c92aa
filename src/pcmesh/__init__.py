"""pcmesh: compiler and digital twin of the 14-nm analog-AI chip (Ambrogio et al., Nature 620, 768, 2023)."""

__version__ = "0.1.0"
