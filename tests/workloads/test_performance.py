"""The paper's timing of the RNN-T, computed from the schedules; other networks; what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pcmesh.errors import ConfigurationError, InputError
from pcmesh.hardware import change_chip, load_chip
from pcmesh.performance import Link, TimeOptions
from pcmesh.performance.costs import load_costs
from pcmesh.studies.performance import PerfOptions, run_performance
from pcmesh.studies.what_if import WhatIf
from pcmesh.workloads.rnnt.compiled.footprint import plan_rnnt
from pcmesh.workloads.rnnt.compiled.performance import time_rnnt
from pcmesh.workloads.rnnt.compiled.speech_load import LoadOptions, speech_load
from pcmesh.workloads.rnnt.widths import RnntWidths

DATA = Path(os.environ.get("PCMESH_DATA", Path(__file__).parents[3] / "shared" / "data"))
MANIFEST = DATA / "mlperf_rnnt" / "dev-clean-wav.json"


@pytest.fixture(scope="module")
def paper() -> dict[str, Any]:
    """The paper's case, with the costs fitted anew."""
    if not MANIFEST.is_file():
        pytest.skip(f"no {MANIFEST} (set PCMESH_DATA)")
    return run_performance(PerfOptions(load=LoadOptions(manifest=MANIFEST), fit=True), None)


def test_the_paper_s_data_set_takes_the_paper_s_time(paper: dict[str, Any]) -> None:
    """Ambrogio et al. 2023, Methods "Performance simulation", Fig. 6d, 6e."""
    assert paper["utterances"] == 2513
    assert paper["operations"] == pytest.approx(30.81e12, rel=1e-3)
    assert paper["total_time_s"] == pytest.approx(1.2877, rel=5e-3)
    assert paper["samples_per_s"] == pytest.approx(1951.59, rel=5e-3)
    assert paper["real_time_factor"] == pytest.approx(8.2e-5, rel=5e-3)
    assert paper["time_s"]["overlap"] == pytest.approx(1.2593, rel=1e-3)
    assert [chip["operation_ns"] for chip in paper["per_chip"]] == [2100] * 4 + [1500]
    ratios = [paper["variants"][name]["digital"]["ratio"] for name in ("nominal", "expanded")]
    assert ratios == [pytest.approx(325, rel=0.02), pytest.approx(88, rel=0.02)]
    assert sum(chip["operations"] for chip in paper["per_chip"]) == paper["operations"]


def test_the_costs_that_ship_are_those_of_the_fit(paper: dict[str, Any]) -> None:
    shipped = {entry.name: entry.pj for entry in load_costs().cost}
    for entry in paper["fit"]["costs"]:
        assert shipped[entry["name"]] == pytest.approx(entry["pj"], rel=5e-3), entry["name"]


def test_figures_that_were_not_fitted_are_met_whichever_of_them_is_left_out(paper: dict[str, Any]) -> None:
    """Ambrogio et al. 2023, Fig. 6: five chips, system, with weight expansion, against MLPerf."""
    for figure in paper["fit"]["figures"]:
        half = "half the integration" in figure["name"]  # the one prediction that is off: docs/performance.md
        assert figure["fitted"] == pytest.approx(figure["published"], rel=0.1 if half else 0.01), figure["name"]
        assert figure["lowest"] <= figure["published"] * 1.001, figure["name"]
        assert figure["highest"] >= figure["published"] * 0.999, figure["name"]
        if figure["role"] == "predicted" and not half:
            assert figure["left_out"] == pytest.approx(figure["published"], rel=0.05), figure["name"]
    assert max(abs(deviation) for deviation in paper["fit"]["by_time"].values()) > 0.05


def test_energy_adds_up(paper: dict[str, Any]) -> None:
    for variant in paper["variants"].values():
        energy = variant["energy"]
        for axis in ("supply", "phase", "layer", "cost"):
            assert sum(energy[f"by_{axis}_j"].values()) == pytest.approx(variant["energy_j"])
        chips = sum(chip["energy_j"] for chip in variant["per_chip"])
        assert chips == pytest.approx(energy["chips_j"])
        assert chips + energy["digital_j"] == pytest.approx(variant["energy_j"])


def test_the_serial_decoder_and_the_bench_s_link_take_longer() -> None:
    widths = RnntWidths()
    plan = plan_rnnt(widths, load_chip())
    data = speech_load(LoadOptions(utterances=20))
    options = (TimeOptions(), TimeOptions(decoder="serial"), TimeOptions(link=Link()))
    times = [time_rnnt(plan, widths, data, one).total_s for one in options]
    assert times[0] < times[1]
    assert 1.8 * times[0] < times[2]


def test_decoded_letters_take_their_own_frames(tmp_path: Path) -> None:
    file = tmp_path / "decoded.json"
    one = {"duration_s": 0.3, "feature_frames": 10, "encoder_frames": 5, "letter_frames": [1, 1, 4]}
    file.write_text(json.dumps({"utterances": [one, one | {"letter_frames": []}]}))
    found = speech_load(LoadOptions(decoded=file))
    assert found.frames.tolist() == [10, 10]
    assert found.letters is not None
    assert found.letters.tolist() == [0, 2, 0, 0, 1, 0, 0, 0, 0, 0]
    file.write_text(json.dumps({"utterances": [one | {"letter_frames": [5]}]}))
    with pytest.raises(InputError, match="frame 5 of 5"):
        speech_load(LoadOptions(decoded=file))
    file.write_text("{}")
    with pytest.raises(InputError, match="no result of decoding"):
        speech_load(LoadOptions(decoded=file))


def test_keyword_frames_take_eight_steps() -> None:
    """Ambrogio et al. 2023, Fig. 3e: 2.4 µs."""
    found = run_performance(PerfOptions(network="kws", load=LoadOptions(utterances=50)), None)
    assert found["per_chip"][0]["period_ns"] == 2400
    assert found["time_s"]["overlap"] == pytest.approx(50 * 2400e-9 + 300e-9)
    assert found["time_s"]["no_overlap"] == pytest.approx(50 * 2700e-9)
    assert found["operations"] == 50 * 2 * (1024 * 512 + 512 * 512 + 512 * 12)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="are for the RNN-T"):
        run_performance(PerfOptions(network="kws", load=LoadOptions(manifest=tmp_path)), None)
    with pytest.raises(InputError, match="no folder of pcmesh"):
        run_performance(PerfOptions(network=str(tmp_path)), None)
    with pytest.raises(ConfigurationError, match=r"tile\.row"):
        change_chip(load_chip(), ["tile.row=3"])
    with pytest.raises(ConfigurationError, match="fitted costs"):
        run_performance(PerfOptions(network="kws", fit=True), None)
    with pytest.raises(ConfigurationError, match="compiled already"):
        run_performance(PerfOptions(network=str(tmp_path), what_if=WhatIf(more_olps=1)), None)


def test_what_ifs_of_the_keyword_network() -> None:
    def measured(what_if: WhatIf) -> dict[str, Any]:
        return run_performance(PerfOptions(network="kws", load=LoadOptions(utterances=10), what_if=what_if), None)

    before, half = measured(WhatIf()), measured(WhatIf(integration_ns=150))
    assert half["total_time_s"] == pytest.approx(before["total_time_s"] / 2)
    assert half["energy_j"] < before["energy_j"]
    assert half["operations"] == before["operations"]
