"""How one product of a network is mapped, as a user writes it: `AB`, `2-PCM,copies=4`, `4-PCM,expand=1024`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from pcmesh.errors import ConfigurationError
from pcmesh.mapping import ENCODINGS, Encoding, LayerOptions
from pcmesh.mapping.rows import Copies, Expansion, MoreRows, normal_matrix
from pcmesh.random import torch_generator

Pin = LayerOptions | Encoding | Literal["digital", "2-PCM", "4-PCM", "AB"] | str
"""What `pcmesh.compile(layers=...)` takes for a layer."""


class ProductOptions(LayerOptions):
    """A layer's options, and on how many rows its inputs come.

    Attributes:
        copies: rows of each input, each with that share of the weight (weight averaging).
        expand: rows of a weight expansion W · pinv(M), whose input is M · x with M random and fixed.
    """

    copies: int = Field(default=1, ge=1)
    expand: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.copies > 1 and self.expand is not None:
            raise ValueError("copies and expand exclude each other")
        return self

    @property
    def way(self) -> str:
        """The options in a user's words."""
        more = f",expand={self.expand}" if self.expand is not None else f",copies={self.copies}"
        return str(self.encoding) + (more if self.more_rows else "")

    @property
    def mapped(self) -> LayerOptions:
        """How the tiles are filled, whatever the rows hold."""
        return LayerOptions(**self.model_dump(exclude={"copies", "expand"}))

    @property
    def may_share(self) -> bool:
        """Whether its tiles may hold parts of other layers: WP2 has no own rows, no column block is named."""
        plain = LayerOptions(encoding=self.encoding, share_capacitors=self.share_capacitors, chip=self.chip)
        return not self.encoding.record.stacked and self.mapped == plain

    @property
    def more_rows(self) -> bool:
        """Whether there are more rows than inputs."""
        return self.copies > 1 or self.expand is not None

    def rows(self, product: str, inputs: int) -> MoreRows | None:
        """Return what a product's inputs become; the same M on every chip.

        Raises:
            ConfigurationError: an expansion to fewer rows than inputs.
        """
        if self.expand is not None:
            return Expansion(normal_matrix(self.expand, inputs, torch_generator(0, "mapping", "expansion", product)))
        return Copies(self.copies) if self.copies > 1 else None


def product_options(pin: Pin | None, encoding: Encoding) -> ProductOptions:
    """Return the options that a pin stands for; None: `encoding`.

    Raises:
        ConfigurationError: it is none of the ways to write one.
    """
    if isinstance(pin, ProductOptions):
        return pin
    if isinstance(pin, LayerOptions):
        return ProductOptions(**pin.model_dump())
    if pin is None:
        return ProductOptions(encoding=encoding)
    name, *parts = str(pin).replace(" ", "").split(",")
    fields = {key: value for key, _, value in (part.partition("=") for part in parts)}
    try:
        if not set(fields) <= {"copies", "expand"}:
            raise ValueError
        more = {key: int(value) for key, value in fields.items()}
        return ProductOptions(encoding=Encoding(name), **more)
    except ValueError as error:
        raise ConfigurationError(
            f"a layer cannot be mapped as {str(pin)!r}",
            f"Write digital, {', '.join(ENCODINGS.names())}; with more rows AB,copies=4 or AB,expand=1024",
        ) from error


def read_pins(texts: Sequence[str]) -> dict[str, str]:
    """Return the pins of `LAYER=WAY` texts.

    Raises:
        ConfigurationError: a text is none.
    """
    found = {}
    for text in texts:
        layer, sign, way = text.partition("=")
        if not (layer and sign and way):
            raise ConfigurationError(f"{text!r} pins no layer", "Write LAYER=WAY, e.g. fc1=AB or fc1=AB,copies=4")
        found[layer] = way
    return found


def sharing(options: Mapping[str, ProductOptions], products: Collection[str]) -> dict[str, LayerOptions]:
    """Return how products that share tiles are mapped: those mapped alike share them (`packing.layers_of`)."""
    return {name: options[name].mapped for name in products}
