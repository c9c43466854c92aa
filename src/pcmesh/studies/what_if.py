"""Questions to a chip: what if it integrated half as long, held weights in fewer devices, had more landing pads?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pcmesh.hardware import ChipSpec
from pcmesh.hardware.variants import with_input_bits, with_integration, with_more_olps
from pcmesh.mapping import Encoding, LayerOptions

Options = TypeVar("Options", bound=LayerOptions)


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """What is changed of a chip and of how a network is held.

    Attributes:
        integration_ns: another integration time; pulses shrink or grow in proportion.
        input_bits: input pulses of fewer bits, and integration steps as much shorter.
        more_olps: output landing pads beside the chip's own.
        encoding: how the weights of all layers are held.
    """

    integration_ns: int | None = None
    input_bits: int | None = None
    more_olps: int = 0
    encoding: Encoding | None = None

    @property
    def anything(self) -> bool:
        """Whether anything is changed."""
        return self != WhatIf()

    def chip(self, chip: ChipSpec, tile_to_tile: bool) -> ChipSpec:
        """Return the changed chip; `tile_to_tile` says that a network hands pulses from tile to tile on it.

        Raises:
            ConfigurationError: it cannot be so.
        """
        if self.integration_ns is not None:
            chip = with_integration(chip, self.integration_ns, tile_to_tile)
        if self.input_bits is not None:
            chip = with_input_bits(chip, self.input_bits, tile_to_tile)
        return with_more_olps(chip, self.more_olps) if self.more_olps else chip

    def mapped(self, options: Mapping[str, Options]) -> dict[str, Options]:
        """Return mapping options with the encoding asked for."""
        changes = {} if self.encoding is None else {"encoding": self.encoding}
        return {name: entry.model_copy(update=changes) for name, entry in options.items()}
