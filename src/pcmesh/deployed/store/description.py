"""What a chip model's folder says in JSON, and whether it and the tensors fit one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor

from pcmesh.calibration.ranges import LayerRange
from pcmesh.deployed.chip import CalibrationKind
from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.deployed.store.passes import StoredPass
from pcmesh.errors import InputError, PcmeshError, VerificationError
from pcmesh.files.artefact import Artefact
from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.mapping import TileImage
from pcmesh.network.exported.capture import Pins
from pcmesh.network.products import MatrixProduct
from pcmesh.physics.column import RampSetting
from pcmesh.physics.units import TICKS_PER_NS, steps_per_g_max
from pcmesh.placement import Placement
from pcmesh.programming.targets import LayerTargets, tile_targets

_AGAIN = "Compile it again"
_LONGEST_AGE_S = 1e12
_LARGEST_G = 2.0
"""No device conducts more than this many times g_max."""
_READOUT_FACTOR, _READOUT_SHIFT, _TOLD = 20.0, 0.4, 0.05
"""A fitted read-out is within this factor of the nominal one, its zero within this share of the codes (assumed).

Columns whose code tells next to nothing of their value (a layer of zeros) have slopes near 0 and are not looked at.
"""
_ENOUGH = 32
_LEAST_CORRELATION, _LEAST_SPREAD = 0.2, 0.05
"""Conductances of a tile follow its weights at least so well (nature2023: 0.99), where these spread at least so much
(share of g_max): smaller ones may drown in programming errors."""


class StoredChain(Artefact):
    """How layers calibrated by their devices are driven, handing pulses over: for each its gain and ramp's setting."""

    layers: tuple[str, ...] = Field(min_length=1)
    gains: tuple[float, ...]
    ramps: tuple[RampSetting, ...]


class StoredModel(Artefact):
    """What is in `chip_model.json`."""

    name: str = Field(max_length=500)
    chip: ChipSpec
    seed: int
    number: int = Field(ge=0)
    batch_dim: int | None = Field(ge=0)
    pins: Pins
    tied: dict[str, tuple[str, ...]]
    packed: tuple[str, ...]
    options: dict[str, ProductOptions]
    clipped_share: float = Field(ge=0, lt=1)
    scale_columns: bool
    columns: CalibrationKind = "auto"
    max_chips: int | None = Field(ge=1)
    mapping: TileMapping
    placement: Placement
    ranges: dict[str, LayerRange]
    readouts: dict[str, int]
    column_gains: tuple[str, ...] = ()
    pulses: int = Field(ge=0)
    age_s: float = Field(ge=0, le=_LONGEST_AGE_S)
    vectors: dict[str, float]
    samples: int = Field(ge=0)
    completed: tuple[str, ...]
    warnings: tuple[str, ...]
    noisy: bool
    routed: bool = False
    own_code: bool = False
    chains: tuple[StoredChain, ...] = ()
    passes: tuple[StoredPass, ...] = ()


def check_stored(stored: StoredModel, path: Path) -> None:
    """Check that the mapping fits the chip, and that nothing is negative that counts or measures.

    Raises:
        InputError: something does not fit; the file is named.
    """
    tile = stored.chip.tile
    largest = 2 * tile.rows, tile.columns
    try:
        stored.mapping.verify()
        stored.placement.verify(stored.mapping, stored.chip)
    except VerificationError as error:
        raise InputError(f"{path}: {error.problem}", _AGAIN) from error
    except (LookupError, StopIteration) as error:
        raise InputError(f"{path}: its mapping names a tile or layer that there is not ({error})", _AGAIN) from error
    _check(path, stored.mapping.tile_rows <= largest[0], f"tiles of {stored.mapping.tile_rows} rows")
    _check(path, stored.mapping.tile_columns <= largest[1], f"tiles of {stored.mapping.tile_columns} columns")
    layers = {layer.layer for layer in stored.mapping.layers}
    _check(path, set(stored.ranges) == layers, "ranges of other layers than are mapped")
    handed = {name for chain in stored.chains for name in chain.layers[:-1]}
    _check(path, handed <= layers, "chains of other layers than are mapped")
    _check(path, set(stored.readouts) == layers - handed, "a read-out of other layers than are mapped")
    _check(path, set(stored.column_gains) <= layers, "gains of other layers than are mapped")
    for chain in stored.chains:
        same = len(chain.layers) == len(chain.gains) == len(chain.ramps)
        _check(path, same and all(0 < gain < 1e6 for gain in chain.gains), f"a gain of {chain.layers[0]} that is none")
    _check(path, all(0 <= count <= len(stored.mapping.groups) for count in stored.readouts.values()), "such a read-out")
    for name, vectors in stored.vectors.items():
        _check(path, vectors >= 0, f"{vectors:g} vectors a sample for {name}")
    for name, span in stored.ranges.items():
        sizes = (span.input_full_scale, span.max_weight, span.volts_per_unit, span.output_full_scale)
        _check(path, all(0 < size < 1e30 for size in sizes), f"a range of {name} that is not positive")
        units = stored.chip.column.capacitor_units
        _check(path, 1 <= span.capacitor_units <= units, f"{span.capacitor_units} capacitors for {name}")


def check_tensors(
    stored: StoredModel,
    tensors: Mapping[str, Tensor],
    frames: Mapping[str, Tensor],
    products: Sequence[MatrixProduct],
    targets: Mapping[str, LayerTargets],
    place: Path,
) -> None:
    """Check conductances, read-outs, factors and frames: shapes, kinds, limits, and that devices hold the weights.

    Raises:
        InputError: a tensor does not fit; the folder is named.
    """
    chained = [name for chain in stored.chains for name in chain.layers]
    try:
        _check_names(stored, {product.name for product in products}, place)
        for product in products:
            _check_product(product, frames, place)
        for layer in stored.readouts:
            _check_readouts(stored, tensors, layer, layer not in chained, place)
        for name in stored.column_gains:
            _check_factors(tensors[f"gains/{name}"], targets[name], f"gains of {name}'s columns", place)
        for name in chained:
            _check_factors(targets[name].slope, targets[name], f"slopes of {name}'s columns", place)
            fits = targets[name].bias.shape == targets[name].slope.shape
            _check(place, fits, f"a bias of {name} of another shape")
        for tile in stored.mapping.tiles:
            _check_tile(stored, tile, tensors[f"g/{tile.index}"], targets[tile.wp1.layer], place)
    except KeyError as error:
        raise InputError(f"{place}: holds no {error.args[0]}", _AGAIN) from error
    except PcmeshError:
        raise
    except (RuntimeError, IndexError) as error:
        raise InputError(f"{place}: its tensors do not fit its mapping ({error})", _AGAIN) from error


def _check_factors(factors: Tensor, targets: LayerTargets, what: str, place: Path) -> None:
    fits = factors.shape == targets.weight.shape[1:] and factors.dtype == torch.float32
    _check(place, fits and bool((factors > 0).all()), f"{what} that are none")


def _check_names(stored: StoredModel, products: set[str], place: Path) -> None:
    for what, known in (("options", stored.options), ("vectors", stored.vectors)):
        _check(place, set(known) == products, f"{what} of other products than the network has")
    _check(place, set(stored.completed) | set(stored.packed) <= products, "names that the network does not have")


def _check_product(product: MatrixProduct, frames: Mapping[str, Tensor], place: Path) -> None:
    rows, seen = product.rows, frames[product.name]
    _check(place, seen.dim() == 2 and seen.shape[1] == rows, f"frames of another shape for {product.name}")
    _check(
        place, product.signed or bool((seen >= 0).all()), f"negative frames for {product.name}, whose inputs are not"
    )


def _check_readouts(
    stored: StoredModel, tensors: Mapping[str, Tensor], layer: str, by_codes: bool, place: Path
) -> None:
    for bank in range(stored.readouts[layer]):
        slope, offset = tensors[f"slope/{layer}/{bank}"], tensors[f"offset/{layer}/{bank}"]
        fits = slope.dim() == 1 and slope.shape == offset.shape and slope.dtype == offset.dtype == torch.float32
        _check(place, fits, f"a read-out of {layer} of another shape")
        if by_codes:
            _check_readout(stored, layer, slope, offset, tensors.get(f"gains/{layer}"), place)


def _check_readout(
    stored: StoredModel, layer: str, slope: Tensor, offset: Tensor, gains: Tensor | None, place: Path
) -> None:
    """Check that most columns are read about as their range says: a code's worth, and the code that means zero."""
    span, timing = stored.ranges[layer], stored.chip.timing
    step = round(timing.output_step_ns * TICKS_PER_NS)
    gain = 1.0 if gains is None else float(gains.median())
    start, second = (span.values(torch.tensor([0, step]), span.ramp(stored.chip)) / gain).tolist()
    unit, codes = second - start, timing.output_max_ns * TICKS_PER_NS / step
    told = slope.abs() > _TOLD * abs(unit)
    if not bool(told.any()):
        return
    slope, offset = slope[told], offset[told]
    share = float((slope / unit).median())
    _check(place, 1 / _READOUT_FACTOR < share < _READOUT_FACTOR, f"a read-out of {layer}, {share:.3g} times its range")
    zero = float((-offset / slope).median())
    nominal = -start / unit
    problem = f"a read-out of {layer} whose zero is code {zero:.0f}, not about {nominal:.0f}"
    _check(place, abs(zero - nominal) < _READOUT_SHIFT * codes, problem)


def _check_tile(stored: StoredModel, tile: TileImage, g: Tensor, targets: LayerTargets, place: Path) -> None:
    chip = stored.chip
    shape = (2, 2, chip.tile.rows + chip.tile.bias_rows, chip.tile.columns)
    where = f"conductances of tile {tile.index}"
    _check(place, tuple(g.shape) == shape, f"{where} of shape {tuple(g.shape)}, not {shape}")
    _check(place, g.dtype in (torch.int16, torch.int32), f"{where} as {g.dtype}")
    limit = _LARGEST_G * steps_per_g_max(chip.pcm)
    low, high = int(g.min()), int(g.max())
    _check(place, low >= 0 and high <= limit, f"{where} from {low} to {high} steps; possible are 0 to {limit:.0f}")
    wanted = tile_targets(stored.mapping, tile, targets, chip).flatten()
    held = (g[:, 0] - g[:, 1]).to(torch.float32).flatten()
    used = wanted != 0
    if int(used.sum()) >= _ENOUGH and float(wanted[used].std()) > _LEAST_SPREAD:
        match = float(torch.corrcoef(torch.stack([wanted[used], held[used]]))[0, 1])
        problem = f"{where} that are not those of its weights (correlation {match:.2f}, at least {_LEAST_CORRELATION})"
        _check(place, match >= _LEAST_CORRELATION, problem)


def _check(place: Path, fits: bool, problem: str) -> None:
    if not fits:
        raise InputError(f"{place}: holds {problem}", _AGAIN)
