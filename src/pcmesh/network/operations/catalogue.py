"""The matrices found so far: each is kept once, however many calls and names it has."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pcmesh.errors import UnsupportedModelError
from pcmesh.network.operations.constants import fingerprint
from pcmesh.network.products import MatrixProduct, ProductCall, ProductRuntime


class Catalogue:
    """Collects a network's matrices.

    Args:
        tied: name of a parameter that has several -> all its names (`products.tied_names`).
    """

    def __init__(self, tied: Mapping[str, tuple[str, ...]]) -> None:
        self.tied = tied
        self.weights: dict[str, Tensor] = {}
        self.runtime = ProductRuntime(self.weights)
        self._names: dict[tuple[tuple[str, ...], bytes], str] = {}
        self._sites: dict[str, list[str]] = {}
        self._signed: dict[str, bool] = {}
        self._parameters: dict[str, tuple[str, ...]] = {}

    def call(self, weight: Tensor, sources: tuple[str, ...], module: str, signed: bool) -> ProductCall:
        """Return a call of a matrix (rows, columns) made of the parameters `sources`, used by `module`.

        Raises:
            UnsupportedModelError: a weight is NaN, infinite, complex or of no size; the parameter is named.
        """
        label = sources[0] if sources else module
        if weight.is_complex():
            raise UnsupportedModelError(f"{label}: its weights are complex", "Tiles hold real numbers")
        if not torch.isfinite(weight).all():
            raise UnsupportedModelError(f"{label}: a weight is NaN or infinite", "Check the training or the checkpoint")
        if weight.numel() == 0:
            raise UnsupportedModelError(
                f"{label}: a weight of shape {tuple(weight.shape)} is empty", "Remove the layer"
            )
        key = (sources, fingerprint(weight))
        if key not in self._names:
            self._add(key, weight, sources, module)
        name = self._names[key]
        self._signed[name] |= signed
        self._sites[name].append(module)
        return ProductCall(self.runtime, name, len(self._sites[name]) - 1, self._signed)

    def _add(self, key: tuple[tuple[str, ...], bytes], weight: Tensor, sources: tuple[str, ...], module: str) -> None:
        base = sources[0].removesuffix(".weight") if len(sources) == 1 else module or "matrix"
        name, number = base, 1
        while name in self.weights:
            name, number = f"{base}[{number}]", number + 1
        self._names[key] = name
        self.weights[name] = weight.detach().to(torch.float32).contiguous()
        self._sites[name], self._signed[name] = [], False
        self._parameters[name] = tuple(alias for source in sources for alias in self.tied.get(source, (source,)))

    @property
    def products(self) -> tuple[MatrixProduct, ...]:
        """All matrices, in the order of their first use."""
        return tuple(
            MatrixProduct(name, weight, self._signed[name], self._parameters[name], tuple(self._sites[name]))
            for name, weight in self.weights.items()
        )
