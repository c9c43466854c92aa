"""Every encoding that ships, and those of other packages, hold the contract of encodings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pcmesh.deployed.choices.options import product_options
from pcmesh.errors import ConfigurationError
from pcmesh.hardware import load_chip
from pcmesh.mapping import ENCODINGS, Encoding, EncodingRecord, Phase, Second
from pcmesh.mapping.encodings import AB, PCM2, PCM4
from pcmesh.programming.closed_loop import DevicePlace, write_tile
from tests.extensions.plugins import install, install_example
from tests.mapping.encoding_contract import EncodingContract

SOURCE = """
from pcmesh.mapping import EncodingRecord, Phase, Second
LONE = EncodingRecord(
    name="lone", meaning="one pair, two devices a weight", second=Second.NOTHING,
    signed=(Phase((1,), 1, "positive"), Phase((1,), -1, "negative")), unsigned=(Phase((1,), 1, "positive"),))
"""


class TestShipped(EncodingContract):
    @pytest.fixture(params=list(Encoding))
    def encoding(self, request: pytest.FixtureRequest) -> Encoding:
        return request.param


class TestOneDevice(EncodingContract):
    """The encoding of examples/plugin, which no file of pcmesh names: a small signal beside large currents."""

    largest_error = 0.9

    @pytest.fixture
    def encoding(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Encoding:
        install_example(tmp_path / "site", monkeypatch)
        return Encoding("one-device")

    def test_one_device_carries_the_weight(self, record: EncodingRecord) -> None:
        """G- holds half of g_max whatever the weight, on all devices that work; G+ is above or below it."""
        chip = load_chip()
        weights = torch.linspace(-0.5, 0.5, 2 * 64 * 64).view(2, 64, 64)
        g = write_tile(weights, record, DevicePlace(1), 2, chip).g.double() / 9600
        works = (g > 0.3).all(1) & (g < 0.9).all(1)
        other, carrying = g[:, 1][works], g[:, 0]
        assert float(other.mean()) == pytest.approx(0.5, abs=0.01)
        assert abs(float(torch.corrcoef(torch.stack([other, weights[works].double()]))[0, 1])) < 0.05
        assert float(torch.corrcoef(torch.stack([carrying.flatten(), weights.flatten().double()]))[0, 1]) > 0.9
        assert record.devices == 1
        assert record.signal == 0.5


class TestLone(EncodingContract):
    """A pair alone, from another package."""

    @pytest.fixture
    def encoding(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Encoding:
        entry = {ENCODINGS.group: {"lone": "lone_pair:LONE"}}
        install(tmp_path, monkeypatch, "lone-pair", entry, {"lone_pair": SOURCE})
        return Encoding("lone")


def test_what_ships_is_the_papers() -> None:
    assert [encoding.record for encoding in Encoding] == [PCM2, PCM4, AB]
    assert [record.signal for record in (PCM2, PCM4, AB)] == [1, 2, 2]
    assert [record.row_blocks for record in (PCM2, PCM4, AB)] == [2, 1, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "2 PCM"}, "'2 PCM' has no usable name"),
        ({"name": ""}, "has no usable name"),
        ({"reference": 1.0}, "reference = 1"),
        ({"reference": -0.1}, "reference = -0.1"),
        ({"completes": True}, "WP2 completes WP1, but holds other rows"),
        ({"signed": PCM2.signed[:3]}, "do not add up to W·x"),
        ({"unsigned": PCM2.signed}, "do not add up to W·x"),
        ({"unsigned": PCM2.unsigned * 2}, "do not add up to W·x"),
        ({"signed": (*PCM2.signed[:3], Phase((2,), 1, "negative"))}, "do not add up to W·x"),
        ({"second": Second.NEGATED}, "do not add up to W·x"),
        ({"signed": (), "unsigned": ()}, "do not add up to W·x"),
    ],
)
def test_a_record_that_is_no_product_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        replace(PCM2, **changes)
    assert message in str(caught.value)


def test_an_unknown_name_is_refused_with_those_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="'3-PCM' is not a valid Encoding"):
        Encoding("3-PCM")
    install(tmp_path, monkeypatch, "lone-pair", {ENCODINGS.group: {"lonely": "lone_pair:LONE"}}, {"lone_pair": SOURCE})
    with pytest.raises(ConfigurationError, match=r"'3-PCM'.*2-PCM, 4-PCM, AB, lonely"):
        product_options("3-PCM", Encoding.AB)
    with pytest.raises(ConfigurationError, match="'lonely' calls itself 'lone'"):
        Encoding("lonely")
