"""Accuracy on a changed chip: the chip and the mapping that are given are those that run."""

from __future__ import annotations

import pytest

from pcmesh.deployed import ChipModel
from pcmesh.errors import ConfigurationError
from pcmesh.hardware import load_chip
from pcmesh.hardware.variants import with_integration
from pcmesh.mapping import Encoding
from pcmesh.studies import accuracy_probe
from pcmesh.studies.accuracy_probe import keyword_accuracy
from pcmesh.studies.performance import PerfOptions, run_performance


def test_keywords_are_spotted_on_the_chip_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = with_integration(load_chip(), 150, tile_to_tile=True)
    seen: list[ChipModel] = []
    spot = accuracy_probe.spot
    monkeypatch.setattr(accuracy_probe, "spot", lambda prepared, made: seen.append(made) or spot(prepared, made))
    found = keyword_accuracy(chip, Encoding.PCM4, 1, 0, lambda *_: None)
    assert [made.program.chip for made in seen] == [chip]
    assert {tile.encoding.value for tile in seen[0].program.mapping.tiles} == {"4-PCM"}
    assert 0.8 < found.per_chip[0] <= 1
    assert found.software > 0.9
    assert found.as_json()["mean"] == found.per_chip[0]


def test_a_network_without_speech_has_no_accuracy() -> None:
    with pytest.raises(ConfigurationError, match="--accuracy"):
        run_performance(PerfOptions(network="folder", accuracy=2), None)
