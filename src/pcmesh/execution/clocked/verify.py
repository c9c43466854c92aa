"""Verification: what the clocked chips give, code by code, against what is expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from scipy import stats

from pcmesh.errors import VerificationError
from pcmesh.execution.clocked.activity import Activity
from pcmesh.execution.clocked.chip import ClockedChip
from pcmesh.execution.hardware import ChipHardware
from pcmesh.mapping import Mapping as TileMapping
from pcmesh.microcode import Microcode
from pcmesh.progress import Progress

FALSE_ALARM = 1e-4
_NOISY = 0.5
"""An output counts where its standard deviation is more than half a code: else rounding to codes decides."""

Codes = Mapping[int, torch.Tensor]
"""Group -> (F, columns) int32 codes."""


@dataclass(frozen=True)
class Difference:
    """A code that differs: where it is, what was expected, what the clocked chip gave."""

    group: int
    frame: int
    column: int
    expected: int
    clocked: int


@dataclass(frozen=True)
class Verification:
    """The result: how many codes were compared and differ, the first differences, and what the chips did."""

    codes_compared: int
    codes_differing: int
    differences: tuple[Difference, ...]
    activity: Mapping[int, Activity]


@dataclass(frozen=True)
class NoiseAgreement:
    """Means and variances of two engines' codes with read noise.

    Attributes:
        runs: how often each engine ran the same frame.
        outputs: outputs that vary and do not saturate.
        largest_z_mean, largest_z_variance: the largest difference of means, and of logarithms of variances, in units of
            its standard deviation for two samples of one normal distribution.
        limit: what they must stay below, so that engines that agree fail with probability `odds` (Bonferroni).
        odds: of a false alarm.
    """

    runs: int
    outputs: int
    largest_z_mean: float
    largest_z_variance: float
    limit: float
    odds: float

    @property
    def agrees(self) -> bool:
        """Whether both stay below the limit."""
        return max(self.largest_z_mean, self.largest_z_variance) < self.limit


def verify(
    microcode: Microcode,
    hardware: Callable[[int], ChipHardware],
    frames: Mapping[str, torch.Tensor],
    expected: Codes,
    examples: int = 5,
    report: Progress | None = None,
) -> Verification:
    """Execute the microcode of all chips without read noise and compare every code.

    Args:
        microcode: the programs.
        hardware: returns a die by its number.
        frames: vector name -> (F, size) int32 signed ticks, for the inputs of all chips.
        expected: what another engine gives.
        examples: differences to keep.
        report: is told the stage, the chips done and how many there are.

    Raises:
        HardwareError: a chip refused an action.
        VerificationError: a group that is expected was not collected.
    """
    codes: dict[int, torch.Tensor] = {}
    activity: dict[int, Activity] = {}
    for number, program in enumerate(microcode.chips):
        if report is not None:
            report("clocked chips", number, len(microcode.chips))
        run = ClockedChip(hardware(program.chip), program).run(frames, noise=False)
        codes |= run.codes
        activity[program.chip] = run.activity
    return compare(codes, expected, examples, activity)


def compare(
    codes: Codes, expected: Codes, examples: int = 5, activity: Mapping[int, Activity] | None = None
) -> Verification:
    """Compare codes group by group.

    Raises:
        VerificationError: a group that is expected was not collected.
    """
    missing = sorted(set(expected) - set(codes))
    if missing:
        raise VerificationError(f"group {missing[0]} was not collected by any landing pad")
    differing = 0
    found: list[Difference] = []
    for group, wanted in sorted(expected.items()):
        places = torch.nonzero(codes[group] != wanted)
        differing += len(places)
        for frame, column in places[: examples - len(found)].tolist():
            pair = int(wanted[frame, column]), int(codes[group][frame, column])
            found.append(Difference(group, frame, column, *pair))
    compared = sum(wanted.numel() for wanted in expected.values())
    return Verification(compared, differing, tuple(found), dict(activity or {}))


def compare_noise(one: Codes, two: Codes, largest: int, odds: float = FALSE_ALARM) -> NoiseAgreement:
    """Compare the means and variances of two engines that ran one frame many times with read noise.

    Args:
        one, two: group -> (runs, columns) int32 codes.
        largest: the largest code; outputs that reach it, or 0, do not count.
        odds: of a false alarm.

    Raises:
        VerificationError: no output varies without saturating.
    """
    first, second = (torch.cat([codes[group] for group in sorted(one)], dim=1).double() for codes in (one, two))
    runs = len(first)
    free = first.std(0) > _NOISY
    for sample in (first, second):
        free &= (sample.amin(0) > 0) & (sample.amax(0) < largest)
    if not bool(free.any()):
        raise VerificationError("with read noise every output saturates or hardly varies: nothing can be compared")
    first, second = first[:, free], second[:, free]
    z_mean = (first.mean(0) - second.mean(0)) / torch.sqrt((first.var(0) + second.var(0)) / runs)
    z_variance = torch.log(first.var(0) / second.var(0)) / (4 / runs) ** 0.5
    outputs = first.shape[1]
    return NoiseAgreement(
        runs=runs,
        outputs=outputs,
        largest_z_mean=float(z_mean.abs().max()),
        largest_z_variance=float(z_variance.abs().max()),
        limit=float(stats.norm.isf(odds / (4 * outputs))),
        odds=odds,
    )


def codes_by_group(mapping: TileMapping, outputs: Mapping[str, torch.Tensor]) -> dict[int, torch.Tensor]:
    """Return group -> (F, columns) codes from layer -> (G, F, columns), G partial sums in the order of the groups."""
    found: dict[int, torch.Tensor] = {}
    for layer, output in outputs.items():
        sums: dict[int, int] = {}
        for group in mapping.groups_of(layer):
            number = sums.get(group.column_start, 0)
            sums[group.column_start] = number + 1
            found[group.index] = output[number, :, group.column_start : group.column_stop]
    return found
