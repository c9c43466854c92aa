"""Which groups go to which chip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from pcmesh.errors import CapacityError, ConfigurationError
from pcmesh.hardware import ChipSpec, Site
from pcmesh.mapping import ColumnGroup, Mapping
from pcmesh.placement.types import Place, Placement


def pair_places(chip: ChipSpec) -> int:
    """Return how many pairs of vertical neighbours fit on the grid at once."""
    sites = set(chip.grid.sites)
    pairs = 0
    for column in range(chip.grid.columns):
        present = [(row, column) in sites for row in range(chip.grid.rows)]
        pairs += sum(len(list(run)) // 2 for tile, run in groupby(present) if tile)
    return pairs


def assign_chips(mapping: Mapping, chip: ChipSpec) -> tuple[int, ...]:
    """Return the chip of every group.

    Pinned layers go where they are pinned. The others fill chips in the network's order, layers that hand durations
    to each other together; a layer moves on to the next chip rather than being split, unless no chip holds it whole.

    Raises:
        CapacityError: a pinned chip is over-full, or layers that must be together do not fit on one chip.
        ConfigurationError: layers that must be together are pinned to different chips.
    """
    chips = _Chips(mapping, chip)
    clusters = _clusters(mapping)
    for layers in clusters:
        pin = _pin(mapping, layers)
        if pin is not None:
            chips.pin(pin, layers)
    for layers in clusters:
        if _pin(mapping, layers) is None:
            chips.fill(layers)
    return tuple(chips.of_group[group.index] for group in mapping.groups)


def _clusters(mapping: Mapping) -> list[tuple[str, ...]]:
    """Return the layers in sets that hand durations to each other, in the network's order."""
    cluster: dict[str, int] = {layer.layer: number for number, layer in enumerate(mapping.layers)}
    for layer in mapping.layers:
        for group in mapping.producers(layer.layer):
            joined, other = sorted((cluster[layer.layer], cluster[group.layer]))
            cluster = {name: joined if number == other else number for name, number in cluster.items()}
    numbers = dict.fromkeys(cluster.values())
    return [tuple(name for name, own in cluster.items() if own == number) for number in numbers]


def _pin(mapping: Mapping, layers: Sequence[str]) -> int | None:
    pins = {name: pin for name in layers if (pin := mapping.layer(name).chip) is not None}
    if len(set(pins.values())) > 1:
        (first, one), (second, two) = next(
            pair for pair in zip(pins.items(), list(pins.items())[1:], strict=False) if pair[0][1] != pair[1][1]
        )
        raise ConfigurationError(
            f"layers {first} and {second} hand durations to each other but are pinned to chips {one} and {two}",
            "Pin them to one chip, or put a digital operation between them",
        )
    return next(iter(pins.values()), None)


class _Chips:
    """Tiles and pairs used on each chip."""

    def __init__(self, mapping: Mapping, chip: ChipSpec) -> None:
        self.mapping = mapping
        self.tiles = chip.tiles
        self.pairs = pair_places(chip)
        self.of_group: dict[int, int] = {}
        self.used: dict[int, tuple[int, int]] = {}
        self.current = 0

    def pin(self, chip: int, layers: Sequence[str]) -> None:
        groups = self._groups(layers)
        if not self._fits(chip, groups):
            tiles, pairs = self._sum(chip, groups)
            raise CapacityError(
                f"chip {chip}: with layer {layers[-1]} it needs {tiles} tiles, {pairs} pairs of them vertical "
                f"neighbours; a chip has {self.tiles} tiles and room for {self.pairs} pairs",
                f"Pin layer {layers[-1]} to another chip, or map it with 2-PCM",
            )
        self._take(chip, groups)

    def fill(self, layers: Sequence[str]) -> None:
        groups = self._groups(layers)
        if self._fits_empty(groups):
            while not self._fits(self.current, groups):
                self.current += 1
            self._take(self.current, groups)
            return
        if len(layers) > 1 or any(not self._fits_empty([group]) for group in groups):
            tiles, pairs = self._sum(-1, groups)
            raise CapacityError(
                f"layers {', '.join(layers)} must be on one chip and need {tiles} tiles, {pairs} pairs of them "
                f"vertical neighbours; a chip has {self.tiles} tiles and room for {self.pairs} pairs",
                "Put a digital operation between the layers, or map them with 2-PCM",
            )
        for group in groups:
            while not self._fits(self.current, [group]):
                self.current += 1
            self._take(self.current, [group])

    def _groups(self, layers: Sequence[str]) -> list[ColumnGroup]:
        return [group for name in layers for group in self.mapping.groups_of(name)]

    def _sum(self, chip: int, groups: Sequence[ColumnGroup]) -> tuple[int, int]:
        tiles, pairs = self.used.get(chip, (0, 0))
        return tiles + sum(len(g.tiles) for g in groups), pairs + sum(len(g.tiles) == 2 for g in groups)

    def _fits(self, chip: int, groups: Sequence[ColumnGroup]) -> bool:
        tiles, pairs = self._sum(chip, groups)
        return tiles <= self.tiles and pairs <= self.pairs

    def _fits_empty(self, groups: Sequence[ColumnGroup]) -> bool:
        return self._fits(-1, groups)

    def _take(self, chip: int, groups: Sequence[ColumnGroup]) -> None:
        self.used[chip] = self._sum(chip, groups)
        self.of_group.update({group.index: chip for group in groups})


def place_by(mapping: Mapping, chip: ChipSpec, sites_of: Callable[[int, list[int]], dict[int, Site]]) -> Placement:
    """Give every tile image a chip, and the site that `sites_of(chip, groups)` finds on it for each tile."""
    chip_of_group = assign_chips(mapping, chip)
    places: dict[int, Place] = {}
    for number in sorted(set(chip_of_group)):
        groups = [group for group, own in enumerate(chip_of_group) if own == number]
        for tile, site in sites_of(number, groups).items():
            places[tile] = Place(chip=number, site=site)
    placement = Placement(places=tuple(places[tile.index] for tile in mapping.tiles))
    placement.verify(mapping, chip)
    return placement
