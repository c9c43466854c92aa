"""Laws of the keyword network: asymmetry balance, and training for noise (paper: Fig. 3, Extended Data Fig. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pcmesh.analysis.laws.estimates import difference_of, mean_of
from pcmesh.analysis.laws.law import Sight
from pcmesh.studies.laws.keywords import KeywordChips, Spotted
from pcmesh.training import NoiseConfig

STEPS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Noise while training, in units of the paper's (0.02 of the weights, 0.04 of the outputs)."""


def share_of_software(chips: KeywordChips) -> Sight:
    """Spot words on chips with asymmetry balance."""
    found = chips.as_shipped()
    shares = [100 * one.accuracy / one.software for one in found]
    rates = f"{100 * _accuracy(found):.2f} % on chips, {100 * found[0].software:.2f} % in software"
    note = f"{chips.setting.options.words:,} synthetic words; {rates}"
    return Sight((mean_of(shares),), note, _data(found))


def balance(chips: KeywordChips) -> Sight:
    """Leave out asymmetry balance on the same tiles."""
    arms = {"AB": chips.as_shipped(), "both pairs alike": chips.without_balance()}
    note = "nats a word more without AB; " + _spotted(arms)
    return Sight((difference_of(*(_nats(arms[name]) for name in ("both pairs alike", "AB"))),), note, _all(arms))


def trained_for_noise(chips: KeywordChips) -> Sight:
    """Compare the networks that ship: trained with the paper's noise, and without."""
    arms = {"with noise": chips.as_shipped(), "without": chips.trained_without_noise()}
    shares = [[100 * one.accuracy for one in found] for found in arms.values()]
    return Sight((difference_of(*shares),), "points of accuracy won; " + _spotted(arms), _all(arms))


def noise_in_training(chips: KeywordChips) -> Sight:
    """Train the network on the same words with more and more noise, and spot words on the same chips."""
    arms = {}
    for step in STEPS:
        usual = NoiseConfig()
        noise = NoiseConfig(weight_sigma=step * usual.weight_sigma, output_sigma=step * usual.output_sigma)
        arms[f"x {step:g}"] = chips.trained_with(noise)
    names = list(arms)
    best = max(names[1:-1], key=lambda name: _accuracy(arms[name]))
    shares = {name: [100 * one.accuracy for one in found] for name, found in arms.items()}
    won, lost = (difference_of(shares[best], shares[name]) for name in (names[0], names[-1]))
    note = f"points of accuracy won by the best ({best} the paper's noise) over none and over most; " + _spotted(arms)
    return Sight((won, lost), note, _all(arms))


def _accuracy(found: Sequence[Spotted]) -> float:
    return sum(one.accuracy for one in found) / len(found)


def _nats(found: Sequence[Spotted]) -> list[float]:
    return [one.nats for one in found]


def _spotted(arms: dict[str, list[Spotted]]) -> str:
    return "accuracy on chips: " + ", ".join(f"{name} {100 * _accuracy(found):.2f} %" for name, found in arms.items())


def _data(found: Sequence[Spotted]) -> dict[str, Any]:
    return {"per_chip": [asdict(one) for one in found]}


def _all(arms: dict[str, list[Spotted]]) -> dict[str, Any]:
    return {name: _data(found) for name, found in arms.items()}
