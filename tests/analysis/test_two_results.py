"""Two results side by side: figures, what was asked for, and chips of the same seed."""

from __future__ import annotations

from typing import Any

import pytest

from pcmesh.analysis.results.two_results import CLEAR, NONE, OPEN, compare_results
from pcmesh.errors import InputError


def _result(per_chip: list[float], **changes: Any) -> dict[str, Any]:
    return {
        "chip_accuracy": {"mean": sum(per_chip) / len(per_chip), "ci95": [0, 1], "per_chip": per_chip},
        "tiles": 4,
        "layers": [{"name": "fc", "mac_sigma": 0.02}],
        "n_utterances": 600,
        "seed": 0,
        "configuration": {"balanced": True, "seed": 0},
        **changes,
    }


def test_figures_that_differ_with_both_kinds_of_change() -> None:
    found = compare_results(_result([0.9, 0.9]), _result([0.8, 0.8], layers=[{"name": "fc", "mac_sigma": 0.03}]))
    figures = {figure.key: figure for figure in found.figures}
    assert set(figures) == {"chip_accuracy.mean", "layers.fc.mac_sigma"}
    assert figures["layers.fc.mac_sigma"].change == pytest.approx(0.01)
    assert figures["layers.fc.mac_sigma"].relative == pytest.approx(0.5)
    assert found.same == 2  # tiles and n_utterances


def test_what_was_asked_for_stands_apart() -> None:
    found = compare_results(_result([0.9]), _result([0.9], configuration={"balanced": False, "seed": 0}))
    assert [(entry.key, entry.first, entry.second) for entry in found.asked] == [
        ("configuration.balanced", True, False)
    ]
    assert found.figures == ()


def test_a_paired_difference_is_narrower_than_the_chips_spread() -> None:
    first, second = [0.90, 0.80, 0.70], [0.92, 0.83, 0.72]
    (paired,) = compare_results(_result(first), _result(second)).paired
    # by hand: changes 0.02, 0.03, 0.02; mean 7/300, standard error 1/300, t(0.975, 2) = 4.3027
    assert paired.mean == pytest.approx(7 / 300)
    assert (paired.low, paired.high) == pytest.approx((7 / 300 - 4.30265 / 300, 7 / 300 + 4.30265 / 300), abs=1e-6)
    assert (paired.chips, paired.verdict) == (3, CLEAR)


@pytest.mark.parametrize(("first", "second"), [([0.9, 0.8, 0.7], [0.91, 0.79, 0.7]), ([0.9], [0.8])])
def test_chips_that_do_not_decide(first: list[float], second: list[float]) -> None:
    (paired,) = compare_results(_result(first), _result(second)).paired
    assert paired.verdict == OPEN


def test_chips_that_are_the_same() -> None:
    (paired,) = compare_results(_result([0.9, 0.8]), _result([0.9, 0.8])).paired
    assert paired.verdict == NONE


@pytest.mark.parametrize(("changes", "why"), [({"seed": 1}, "seeds: 0 and 1"), ({"n_utterances": 60}, "same data")])
def test_other_chips_or_data_are_not_paired(changes: dict[str, Any], why: str) -> None:
    found = compare_results(_result([0.9, 0.8]), _result([0.8, 0.7], **changes))
    assert found.paired == ()
    assert why in found.unpaired


def test_chips_of_a_network_of_ones_own() -> None:
    first = {"time": "0s", "seed": 3, "chips": [{"samples": 8, "error": 0.1}, {"samples": 8, "error": 0.2}]}
    second = first | {"time": "1w", "chips": [{"samples": 8, "error": 0.2}, {"samples": 8, "error": 0.3}]}
    paired = {entry.key: entry for entry in compare_results(first, second).paired}
    assert paired["error"].mean == pytest.approx(0.1)


def test_results_of_different_commands() -> None:
    with pytest.raises(InputError, match="different commands: only one of them has"):
        compare_results(_result([0.9]), {"tops": 1.0, "seed": 0})
