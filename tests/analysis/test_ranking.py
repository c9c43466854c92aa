"""Which layers lose most alone on a chip, and on how many chips the same ones do."""

from __future__ import annotations

import pytest

from pcmesh.analysis.sensitivity.ranking import ChipRanking, rankings


def test_the_order_of_the_mean_is_compared_chip_by_chip() -> None:
    losses = {"a": (3.0, 1.0, 3.0, 3.0), "b": (2.0, 2.0, 0.0, 2.5), "c": (0.0, 0.5, 1.0, 1.0)}
    found = ChipRanking("accuracy", losses)
    assert found.layers == ["a", "b", "c"]
    assert found.share_of_chips == 0.5  # the second chip has b, a, the third a, c
    assert found.share_of_first == 0.75
    assert found.share_in_any_order == 0.75


def test_plain_data_holds_every_chip_and_the_mean() -> None:
    (entry,) = rankings({"nats per letter": {"a": [1.0, 3.0], "b": [0.0, 0.0]}})
    assert (entry["layers"], entry["chips"], entry["share_of_chips"]) == (["a", "b"], 2, 1.0)
    assert entry["loss"]["a"]["mean"] == pytest.approx(2.0)
    assert entry["loss"]["a"]["per_chip"] == [1.0, 3.0]
    assert entry["loss"]["a"]["ci95"][0] < 1.0
