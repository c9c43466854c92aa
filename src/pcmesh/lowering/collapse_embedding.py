"""Collapsed embedding: a table of tokens and the matrix behind it as one matrix that one-hot rows select from.

Each token has a row (Emb x Wx), or several with that share of the weight each (weight averaging). A token whose row is
zero, as that of padding is, needs none.
Source: Ambrogio et al. 2023, Methods "RNNT weights and network mapping", Extended Data Fig. 7 (decoder).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pcmesh.checks import unknown
from pcmesh.errors import ConfigurationError
from pcmesh.lowering.passes import Pass


class OneHot(nn.Module):
    """Rows of tokens: token numbers (...) -> (..., copies * rows), all zeros for tokens that have none."""

    places: Tensor

    def __init__(self, kept: Tensor, copies: int) -> None:
        super().__init__()
        self.rows, self.copies = int(kept.sum()), copies
        places = torch.where(kept, kept.cumsum(0) - 1, self.rows)
        self.register_buffer("places", places, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the rows."""
        hot = nn.functional.one_hot(self.places[tokens], self.rows + 1)[..., :-1].float()
        return torch.cat([hot] * self.copies, dim=-1)


@dataclass(frozen=True)
class CollapseEmbedding(Pass):
    """Put an embedding's table into the matrix of the layer that takes it.

    Attributes:
        embedding: name of the `nn.Embedding`, which nothing but the layer takes.
        into: name of the layer: Linear, LSTM, GRU or RNN (their cells too).
        copies: rows of each token.
    """

    embedding: str
    into: str
    copies: int = 1

    def before(self, network: nn.Module) -> nn.Module:
        """Return the network with one-hot rows in the place of the embedding.

        Raises:
            ConfigurationError: there are no such modules, or they are of other kinds.
        """
        table, layer = _module(network, self.embedding), _module(network, self.into)
        if not isinstance(table, nn.Embedding):
            raise ConfigurationError(f"{self.embedding} is a {type(table).__name__}", "Name an nn.Embedding")
        matrices = [name for name, _ in layer.named_parameters(recurse=False) if _takes_input(name)]
        if not matrices:
            raise ConfigurationError(
                f"{self.into} is a {type(layer).__name__}, whose input's matrix is unknown",
                "Name an nn.Linear, LSTM, GRU or RNN",
            )
        weight = table.weight.detach()
        kept = weight.any(1)
        for name in matrices:
            own = layer.get_parameter(name).detach() @ weight[kept].T
            setattr(layer, name, nn.Parameter(own.repeat(1, self.copies) / self.copies, requires_grad=False))
        size = "in_features" if isinstance(layer, nn.Linear) else "input_size"
        setattr(layer, size, self.copies * int(kept.sum()))
        parent, _, own_name = self.embedding.rpartition(".")
        setattr(network.get_submodule(parent), own_name, OneHot(kept, self.copies))
        return network


def _takes_input(name: str) -> bool:
    """Return whether a layer's own parameter is a matrix of its input."""
    return name in ("weight", "weight_ih") or name.startswith("weight_ih_l0")


def _module(network: nn.Module, name: str) -> nn.Module:
    try:
        return network.get_submodule(name)
    except AttributeError as error:
        raise unknown("layer", name, [entry for entry, _ in network.named_modules() if entry]) from error
