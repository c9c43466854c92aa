"""Laws of the RNN-T: what its chips lose in several ways to hold it (paper: Fig. 5, 6b, Extended Data Fig. 4, 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pcmesh.analysis.laws.estimates import difference_of, mean_of, ratio_of
from pcmesh.analysis.laws.law import Sight
from pcmesh.deployed.choices.options import ProductOptions
from pcmesh.durations import SECONDS
from pcmesh.hardware import ChipSpec
from pcmesh.hardware.variants import with_integration
from pcmesh.studies.laws.speech import Condition, Loss, SpeechArm, SpeechChips
from pcmesh.workloads.rnnt.compiled.published import HALF_INTEGRATION_NS
from pcmesh.workloads.rnnt.on_chip.recipe import FIRST as FIRST_MATRIX
from pcmesh.workloads.rnnt.on_chip.recipe import LAYERS, PRODUCTS

FIRST, ENCODER, CHIP_4 = LAYERS[0], LAYERS[:5], ("enc-lstm3", "enc-lstm4", "enc-fc")
COPIES, ROWS = 4, 1024
MORE_SATURATED = 10
"""A bigger Max W: so many times as many weights may lie beyond it."""
NOMINAL = SpeechArm(name="as in the paper")
WHOLE, WEEK = Condition(), Condition(time_s=SECONDS["w"])


def weight_error(chips: SpeechChips) -> Sight:
    """Compare the weights written with those wanted."""
    found = _programmed(chips, NOMINAL, "mean_error")
    return Sight((mean_of(found),), "all weights of the RNN-T, as its chips are first used", {"per_chip": found})


def weight_spread(chips: SpeechChips) -> Sight:
    """Take the 1 and the 99 % point of the errors of each pair of each tile."""
    found = _programmed(chips, NOMINAL, "spread")
    return Sight((mean_of(found),), "median over the pairs of the tiles", {"per_chip": found})


def bad_weights(chips: SpeechChips) -> Sight:
    """Count weights that miss by more than a fifth of the largest."""
    found = [100 - value for value in _programmed(chips, NOMINAL, "yield")]
    return Sight((mean_of(found),), "all weights of the RNN-T, as its chips are first used", {"per_chip": found})


def yield_with_max_w(chips: SpeechChips) -> Sight:
    """Write the layers of chip 4 with the usual Max W, and with one beyond which more weights lie."""
    usual, bigger = SpeechArm(name="chip 4", layers=CHIP_4), bigger_max_w(chips.setting.chip)
    arms = [_programmed(chips, way, "yield") for way in (usual, bigger)]
    shares = [100 * way.programming.saturated_share for way in (chips.setting.chip, bigger.chip or chips.setting.chip)]
    note = (
        f"points of yield lost on the layers of chip 4 where {shares[1]:.3g} instead of {shares[0]:.3g} % of the "
        f"weights lie beyond Max W: {_mean(arms[0]):.2f} to {_mean(arms[1]):.2f} %"
    )
    return Sight((difference_of(*arms),), note, {"usual": arms[0], "bigger Max W": arms[1]})


def bigger_max_w(chip: ChipSpec) -> SpeechArm:
    """Return the layers of chip 4 with a bigger Max W (more signal, more saturated weights)."""
    share = min(MORE_SATURATED * max(chip.programming.saturated_share, 1e-3), 0.09)
    programming = chip.programming.model_copy(update={"saturated_share": share})
    return SpeechArm(
        name="chip 4, bigger Max W", chip=chip.model_copy(update={"programming": programming}), layers=CHIP_4
    )


def order_of_rows(chips: SpeechChips) -> Sight:
    """Put Enc-LSTM0 alone on the chips: its features' rows once, in copies, and expanded."""
    ways = {"none": {"copies": 1}, "copies": {"copies": COPIES}, "expansion": {"expand": ROWS, "copies": 1}}
    nominal = chips.model.program.choice.options[PRODUCTS[FIRST_MATRIX]]
    losses = {}
    for name, rows in ways.items():
        options = ProductOptions(**{**nominal.model_dump(), "copies": 1, "expand": None, **rows})
        way = SpeechArm(name=f"rows: {name}", options={PRODUCTS[FIRST_MATRIX]: options}, layers=(FIRST,))
        losses[name] = chips.losses(way, [Condition((FIRST,))])[0]
    none, copies, expansion = (_nats(losses[name]) for name in ways)
    note = "nats a letter: " + ", ".join(f"{name} {_mean(_nats(found)):.4f}" for name, found in losses.items())
    data = {name: _data(found) for name, found in losses.items()}
    return Sight((difference_of(none, copies), difference_of(copies, expansion)), note, data)


def half_integration(chips: SpeechChips) -> Sight:
    """Integrate half as long."""
    half = SpeechArm(name="half the integration", chip=with_integration(chips.setting.chip, HALF_INTEGRATION_NS))
    return _ratio(chips.losses(half, [WHOLE])[0], _whole(chips), "half", "whole")


def a_week(chips: SpeechChips) -> Sight:
    """Let the chips drift for a week, with the read-out of day 0."""
    fresh, old = chips.losses(NOMINAL, [WHOLE, WEEK])
    return _ratio(old, fresh, "a week later", "day 0")


def expanded(chips: SpeechChips) -> Sight:
    """Expand Enc-LSTM0 with all layers on the chips."""
    nominal = chips.model.program.choice.options[PRODUCTS[FIRST_MATRIX]]
    options = ProductOptions(**{**nominal.model_dump(), "copies": 1, "expand": ROWS})
    way = SpeechArm(name="expanded", options={PRODUCTS[FIRST_MATRIX]: options})
    return _ratio(chips.losses(way, [WHOLE])[0], _whole(chips), "expanded", "copies")


def layers_alone(chips: SpeechChips) -> Sight:
    """Put one layer on the chips, the others in software; the worst one counts."""
    found = _alone(chips)
    software = chips.software_accuracy
    shares = {name: mean_of([100 * (1 - one.words / software) for one in losses]) for name, losses in found.items()}
    worst = min(shares, key=lambda name: shares[name].value)
    note = f"the worst is {worst}; {chips.heard.errors.words:,} words, {100 * software:.1f} % of them right in software"
    return Sight((shares[worst],), note, {name: _data(losses) for name, losses in found.items()})


def worst_of_encoder(chips: SpeechChips) -> Sight:
    """Compare Enc-LSTM0 alone with each other LSTM of the encoder alone."""
    found = {name: _nats(losses) for name, losses in _alone(chips).items() if name in ENCODER}
    excess = {name: difference_of(found[FIRST], values) for name, values in found.items() if name != FIRST}
    nearest = min(excess, key=lambda name: excess[name].value)
    note = "nats a letter more than the next one, " + nearest + "; all: "
    note += ", ".join(f"{name} {_mean(values):.4f}" for name, values in found.items())
    return Sight((excess[nearest],), note, found)


def _alone(chips: SpeechChips) -> dict[str, list[Loss]]:
    conditions = [WHOLE, WEEK, *(Condition((name,)) for name in LAYERS)]
    return dict(zip(LAYERS, chips.losses(NOMINAL, conditions)[2:], strict=True))


def _whole(chips: SpeechChips) -> list[Loss]:
    return chips.losses(NOMINAL, [WHOLE])[0]


def _ratio(losses: Sequence[Loss], others: Sequence[Loss], name: str, other: str) -> Sight:
    """Return the ratio of two excesses in word errors; those in nats beside it."""
    words = ratio_of([one.words for one in losses], [one.words for one in others])
    nats = ratio_of(_nats(losses), _nats(others))
    rates = [100 * _mean([one.words for one in arm]) for arm in (others, losses)]
    interval = "" if nats.low is None or nats.high is None else f" ({nats.low:.2f} to {nats.high:.2f})"
    note = (
        f"word errors more than in software: {other} {rates[0]:.2f}, {name} {rates[1]:.2f} points; "
        f"in nats a letter {nats.value:.2f} times{interval}"
    )
    data = {other: _data(others), name: _data(losses), "nats": asdict(nats)}
    return Sight((words,), note, data)


def _programmed(chips: SpeechChips, way: SpeechArm, name: str) -> list[float]:
    return [100 * found[name] for found in chips.programming(way)]


def _nats(losses: Sequence[Loss]) -> list[float]:
    return [one.nats for one in losses]


def _data(losses: Sequence[Loss]) -> dict[str, Any]:
    return {"nats_per_letter": _nats(losses), "word_error_excess": [one.words for one in losses]}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
