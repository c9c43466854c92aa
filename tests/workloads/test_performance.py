"""The paper's timing of the RNN-T, computed from the schedules; other networks; what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pcmesh.chip import change_chip, load_chip
from pcmesh.errors import ConfigurationError, InputError
from pcmesh.evaluation.performance import Link, TimeOptions
from pcmesh.workloads.performance import PerfOptions, run_performance
from pcmesh.workloads.rnnt.speech_load import LoadOptions

DATA = Path(os.environ.get("PCMESH_DATA", Path(__file__).parents[3] / "shared" / "data"))
MANIFEST = DATA / "mlperf_rnnt" / "dev-clean-wav.json"


@pytest.mark.skipif(not MANIFEST.is_file(), reason=f"no {MANIFEST} (set PCMESH_DATA)")
def test_the_paper_s_data_set_takes_the_paper_s_time() -> None:
    """Ambrogio et al. 2023, Methods "Performance simulation", Fig. 6d, 6e."""
    found = run_performance(PerfOptions(load=LoadOptions(manifest=MANIFEST)), None)
    assert found["utterances"] == 2513
    assert found["operations"] == pytest.approx(30.81e12, rel=1e-3)
    assert found["total_time_s"] == pytest.approx(1.2877, rel=5e-3)
    assert found["samples_per_s"] == pytest.approx(1951.59, rel=5e-3)
    assert found["real_time_factor"] == pytest.approx(8.2e-5, rel=5e-3)
    assert found["time_s"]["overlap"] == pytest.approx(1.2593, rel=1e-3)
    assert [chip["operation_ns"] for chip in found["per_chip"]] == [2100] * 4 + [1500]
    assert [found["variants"][name]["digital"]["ratio"] for name in ("nominal", "expanded")] == [
        pytest.approx(325, rel=0.02),
        pytest.approx(88, rel=0.02),
    ]
    assert sum(chip["operations"] for chip in found["per_chip"]) == found["operations"]


def test_the_serial_decoder_and_the_bench_s_link_take_longer() -> None:
    load = LoadOptions(utterances=20)
    times = [
        run_performance(PerfOptions(load=load, time=time), None)["total_time_s"]
        for time in (TimeOptions(), TimeOptions(decoder="serial"), TimeOptions(link=Link()))
    ]
    assert times[0] < times[1]
    assert 1.8 * times[0] < times[2]


def test_keyword_frames_take_eight_steps() -> None:
    """Ambrogio et al. 2023, Fig. 3e: 2.4 µs."""
    found = run_performance(PerfOptions(network="kws", load=LoadOptions(utterances=50)), None)
    assert found["per_chip"][0]["period_ns"] == 2400
    assert found["time_s"]["overlap"] == pytest.approx(50 * 2400e-9 + 300e-9)
    assert found["time_s"]["no_overlap"] == pytest.approx(50 * 2700e-9)
    assert found["operations"] == 50 * 2 * (1024 * 512 + 512 * 512 + 512 * 12)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="recordings are for the RNN-T"):
        run_performance(PerfOptions(network="kws", load=LoadOptions(manifest=tmp_path)), None)
    with pytest.raises(InputError, match="no compiled network"):
        run_performance(PerfOptions(network=str(tmp_path)), None)
    with pytest.raises(ConfigurationError, match=r"tile\.row"):
        change_chip(load_chip(), ["tile.row=3"])
