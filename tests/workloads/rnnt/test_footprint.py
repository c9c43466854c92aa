"""The figures of the paper's mapping, from compiling, and those of other widths."""

from __future__ import annotations

import pytest

from pcmesh.errors import ConfigurationError
from pcmesh.hardware import load_chip
from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.compiled.footprint import layer_weights, rnnt_footprint

NARROW = RnntWidths(encoder=64, prediction=20, joint=24)


def test_the_papers_chips() -> None:
    found = rnnt_footprint(RnntWidths(), load_chip())
    columns = {key: [chip[key] for chip in found["chips"]] for key in found["chips"][0]}
    assert columns["tiles"] == [32, 32, 32, 33, 13]
    assert columns["pcms"] == [32_505_856, 33_554_432, 33_554_432, 34_603_008, 6_860_800]
    assert columns["weights"] == [5_177_344, 8_388_608, 12_582_912, 17_301_504, 1_811_200]
    assert columns["integration_phases"] == [4] * 5
    assert columns["output_slots"] == [3, 3, 3, 3, 1]
    assert columns["operation_ns"] == [2_100, 2_100, 2_100, 2_100, 1_500]
    assert [[layer["name"] for layer in layers] for layers in columns["layers"]] == [
        ["enc-lstm0-wx", "enc-lstm0-wh"],
        ["enc-lstm1-wx", "enc-lstm1-wh"],
        ["enc-lstm2-wx", "enc-lstm2-wh"],
        ["enc-lstm3", "enc-lstm4", "enc-fc"],
        ["dec-lstm0", "dec-lstm1", "dec-fc"],
    ]
    totals = ("tiles_total", "pcms_total", "weights_mapped", "parameters")
    assert [found[key] for key in totals] == [142, 141_078_528, 45_261_568, 45_323_037]
    assert round(100 * found["mapped_share"], 1) == 99.9


def test_a_narrow_network_and_its_expansion() -> None:
    found = rnnt_footprint(NARROW, load_chip())
    assert found["weights_mapped"] == NARROW.mapped_weights
    assert found["pcms_total"] == sum(chip["pcms"] for chip in found["chips"])
    assert found["tiles_total"] == sum(chip["tiles"] for chip in found["chips"])
    wider = rnnt_footprint(NARROW.model_copy(update={"expand": 1_024}), load_chip())
    assert wider["weights_mapped"] == found["weights_mapped"]
    assert wider["pcms_total"] - found["pcms_total"] == (1_024 - 960) * 4 * 64 * 4


def test_each_weight_counts_once() -> None:
    for widths in (RnntWidths(), NARROW):
        held = layer_weights(widths)
        apart = [f"enc-lstm{number}-{matrix}" for number in range(3) for matrix in ("wx", "wh")]
        layers = [*apart, "enc-lstm3", "enc-lstm4", "enc-fc", "dec-lstm0", "dec-lstm1", "dec-fc"]
        assert sum(held[name] for name in layers) == widths.mapped_weights


def test_an_expansion_that_loses_information_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 240 rows"):
        rnnt_footprint(NARROW.model_copy(update={"expand": 200}), load_chip())
