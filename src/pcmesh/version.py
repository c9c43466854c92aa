"""The version of pcmesh, said once: the package, its results and its cache take it from here."""

__version__ = "0.2.0"
