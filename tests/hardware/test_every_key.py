"""No key of a chip file is dead: another value of any of them changes something that a user can see."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

import numpy as np
import pytest
import torch
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from pcmesh.deployed.chip import bring_up
from pcmesh.errors import PcmeshError
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.execution.clocked import ClockedChip
from pcmesh.execution.hardware import chip_hardware
from pcmesh.hardware import DEVICE_LAWS, ChipSpec, load_chip
from pcmesh.microcode import generate
from pcmesh.network import LayerGraph
from pcmesh.performance import DataSet, TimeOptions, plan, run_time
from pcmesh.performance.costs import load_costs
from pcmesh.performance.energy import run_energy
from pcmesh.performance.power_test import blank_hardware, plain_microcode, run_power_test
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.pulse import input_ticks
from pcmesh.pipeline import compile_network
from tests.networks import chain

LABELS = {("name",), ("grid", "pads", 0, "domain"), ("pcm", "table")}
"""Keys that only name something and stand in reports and messages; and the table that `pcm.law` fills."""
FULL_SCALE = 3.0
FRAMES = 6
WEEK_S = 6.05e5

Path = tuple[str | int, ...]


def base() -> dict[str, Any]:
    """Return the preset with small tiles, a small grid, and columns that need several capacitors."""
    values = load_chip().model_dump()
    values["tile"] |= {"rows": 16, "columns": 16}
    values["grid"] |= {"rows": 3, "columns": 3, "gaps": [(1, 1)]}
    values["grid"]["pads"] = [{"domain": "W", "edge": "west", "ilp_row": 0, "olp_row": 1}]
    values["column"] |= {"capacitor_units_typical": 2, "mirror_ratio": 0.04}
    values["programming"]["saturated_share"] = 0.05
    return values


@cache
def graph() -> LayerGraph:
    plain = chain((30, 16, 12))
    generator = torch.Generator().manual_seed(0)
    weights = {name: torch.randn(w.shape, generator=generator) for name, w in plain.weights.items()}
    return LayerGraph("net", plain.vectors, plain.layers, (), weights)


@cache
def digital_between() -> LayerGraph:
    """Return a chain whose middle vector is computed with on the digital side."""
    plain = chain((30, 16, 12), [False])
    computes = tuple(operation.model_copy(update={"operations": 16}) for operation in plain.digital)
    return LayerGraph("net", plain.vectors, plain.layers, computes, plain.weights)


@cache
def inputs() -> torch.Tensor:
    return torch.randn(40, 30, generator=torch.Generator().manual_seed(1)).clamp(-FULL_SCALE, FULL_SCALE)


def observed(chip: ChipSpec) -> Iterator[Any]:
    """Yield what a user sees of a network on a chip, from what takes little time to what takes more."""
    try:
        yield from _observed(chip)
    except PcmeshError as error:
        yield str(error)


def _observed(chip: ChipSpec) -> Iterator[Any]:
    yield chip.tiles, chip.devices, chip.capacity_2pcm
    compiled = compile_network(graph(), chip, inputs={"input": inputs()})
    yield compiled.mapping.model_dump()
    yield compiled.microcode.model_dump()
    instance = Instance(3)
    calibrated = bring_up(compiled, instance, {"input": inputs()})
    ticks = input_ticks(inputs()[:FRAMES], FULL_SCALE, chip.timing)
    keys = noise_keys(instance, [f"frame/{number}" for number in range(FRAMES)])
    rewritten = calibrated.aged(WEEK_S).recalibrated({"input": inputs()}).aged(2 * WEEK_S)
    for made in (calibrated, calibrated.aged(WEEK_S), rewritten):
        engine = made.engine()
        hidden = engine.run_layer("fc0", ticks, keys)[0]
        yield hidden.tolist(), engine.run_layer("fc1", hidden, keys)[0].tolist()
    planned = plan(digital_between(), chip)
    activity = run_power_test(planned, plain_microcode(planned), lambda die: blank_hardware(planned, die))
    run = run_time(planned, DataSet(frames=np.ones(3, dtype=np.int64), audio_s=1.0), TimeOptions())
    yield run.total_s, run_energy(run, activity, load_costs()).total
    where = (compiled.routing, compiled.mapping, compiled.placement, compiled.graph)
    microcode = generate(*where, calibrated.calibration.ramps, chip)
    hardware = chip_hardware(calibrated.network)
    yield dict(ClockedChip(hardware, microcode.chips[0]).run({"input": ticks}, noise=True).events)


@cache
def expected() -> tuple[Any, ...]:
    return tuple(observed(ChipSpec.model_validate(base())))


def changes(chip: ChipSpec) -> bool:
    """Return whether a chip shows anything else than the base."""
    wanted = expected()
    count = 0
    for got, right in zip(observed(chip), wanted, strict=False):
        if got != right:
            return True
        count += 1
    return count != len(wanted)


def keys_of(spec: BaseModel, path: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Yield every key below a table; of a list of tables, those of the first."""
    for name, field in type(spec).model_fields.items():
        value = getattr(spec, name)
        if isinstance(value, BaseModel):
            yield from keys_of(value, (*path, name))
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            yield from keys_of(value[0], (*path, name, 0))
        else:
            yield (*path, name), field


def others(value: Any, field: FieldInfo) -> list[Any]:
    """Return other values of a key, by its type and bounds; some may be impossible."""
    union = get_origin(field.annotation) in (Union, UnionType)
    kinds = get_args(field.annotation) if union else (field.annotation,)
    found: list[Any] = [choice for kind in kinds for choice in get_args(kind) if isinstance(choice, str)]
    found += DEVICE_LAWS.names() if value in DEVICE_LAWS.shipped else ()
    if isinstance(value, tuple):
        found += [value[1:], ((0, 2), *value)]
    if isinstance(value, int) or (isinstance(value, str) and int in kinds):
        number = value if isinstance(value, int) else 4
        found += [number * 2, number // 2, number // 4, number + 2, number - 2, number + 1, number - 1, 1, 4]
    elif isinstance(value, float):
        found += [value * 2, value / 2, value * 1.05, value / 20, value + 0.5]
    return [other for other in found if other != value]


def with_value(path: Path, value: Any) -> ChipSpec | None:
    """Return the base with another value of a key, or None where that is impossible."""
    values = base()
    table: Any = values
    for part in path[:-1]:
        table = table[part]
    table[path[-1]] = value
    try:
        return ChipSpec.model_validate(values)
    except ValidationError:
        return None


KEYS = dict(keys_of(ChipSpec.model_validate(base())))


def test_the_walk_reaches_every_table() -> None:
    assert {path[0] for path in KEYS} == set(ChipSpec.model_fields)
    assert {"capacitor_units_used", "olp_row", "law", "clock_ns"} <= {path[-1] for path in KEYS}
    assert all(path in KEYS for path in LABELS)


@pytest.mark.parametrize("path", [path for path in KEYS if path not in LABELS], ids=lambda p: ".".join(map(str, p)))
def test_no_key_is_dead(path: Path) -> None:
    value: Any = ChipSpec.model_validate(base())
    for part in path:
        value = value[part] if isinstance(part, int) else getattr(value, part)
    chips = [chip for other in others(value, KEYS[path]) if (chip := with_value(path, other)) is not None]
    # A key with one possible value says what is not modelled: any other is refused.
    assert not chips or any(changes(chip) for chip in chips), f"{path} does nothing"
