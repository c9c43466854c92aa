"""Every law that ships, a table of measured figures, and a law of another package hold the contract of laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcmesh.devices import TableLaw, law_of
from pcmesh.errors import ConfigurationError
from pcmesh.hardware import DEVICE_LAWS, ChipSpec, change_chip, load_chip
from pcmesh.hardware.device_table import COLUMNS
from tests.cli.conftest import Program, program  # noqa: F401  (a fixture)
from tests.devices.contract import LEVELS, DeviceLawContract
from tests.extensions.plugins import install, install_example

ROWS = ((0, 0.05, 0.3, 0.02, 0.01), (5, 4.9, 0.5, 0.03, 0.05), (12, 11.6, 0.4, 0.01, 0.08))
TABLE = "\n".join([",".join(COLUMNS), *(",".join(map(str, row)) for row in ROWS)]) + "\n"


def test_every_law_that_ships_is_tested() -> None:
    tested = {kind.law_name for kind in Shipped.__subclasses__()}
    assert tested == set(DEVICE_LAWS.shipped)


class Shipped(DeviceLawContract):
    law_name = ""

    def chip(self) -> ChipSpec:
        if not self.law_name:
            pytest.skip("the tests of each law that ships")
        return change_chip(load_chip("nature2023"), [f'pcm.law="{self.law_name}"'])


class TestPcmLike(Shipped):
    law_name = "pcm_like"


class TestHermes1(Shipped):
    law_name = "hermes_1"


class TestHermes2(Shipped):
    law_name = "hermes_2"


class TestIdeal(Shipped):
    law_name = "ideal"


def chip_with(folder: Path, table: str, keys: str = "") -> ChipSpec:
    (folder / "mine.csv").write_text(table)
    (folder / "chip.toml").write_text(f'[pcm]\nlaw = "mine.csv"\n{keys}')
    return load_chip(folder / "chip.toml")


class TestTable(DeviceLawContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def chip(self) -> ChipSpec:
        return chip_with(self.folder, TABLE)

    def test_rows_are_what_the_law_gives(self, law: TableLaw, spec: ChipSpec) -> None:
        assert (spec.pcm.law, spec.pcm.g_max_us) == ("mine.csv", 12)
        target, mean, sigma, drift, read = np.array(ROWS).T
        g = target / 12
        np.testing.assert_allclose(law.programmed(g).mean, mean / 12)
        np.testing.assert_allclose(law.programmed(g).sigma, sigma / 12)
        np.testing.assert_allclose(law.retention(g, 1.0, 1.0, 1.0).exponent, drift)
        np.testing.assert_allclose(law.read_sigma(g, 1.0), read / 12)
        beyond = law.programmed(np.array([1.0, 1.2]))
        assert np.ptp(beyond.mean - [1.0, 1.2]) == pytest.approx(0)
        assert np.ptp(beyond.sigma) == 0

    def test_a_chip_carries_its_table(self, spec: ChipSpec) -> None:
        """A stored chip needs the file no more."""
        (self.folder / "mine.csv").unlink()
        again = ChipSpec.model_validate_json(spec.model_dump_json())
        assert again == spec
        assert law_of(again.pcm).programmed(np.ones(1)).mean[0] == pytest.approx(11.6 / 12)

    def test_another_law_takes_its_place(self, spec: ChipSpec) -> None:
        changed = change_chip(spec, ["tile.rows=64", 'pcm.law="hermes_1"'])
        assert (changed.pcm.law, changed.pcm.table, changed.pcm.g_max_us) == ("hermes_1", (), 10.35)
        assert change_chip(spec, ["tile.rows=64"]).pcm == spec.pcm
        assert change_chip(spec, ["pcm.g_max_us=10"]).pcm.table == spec.pcm.table


class TestReRam(DeviceLawContract):
    """The law of examples/plugin, which no file of pcmesh names."""

    @pytest.fixture(autouse=True)
    def _plugin(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        install_example(tmp_path / "site", monkeypatch)
        self.folder = tmp_path

    def chip(self) -> ChipSpec:
        (self.folder / "chip.toml").write_text('[pcm]\nlaw = "reram"\n')
        return load_chip(self.folder / "chip.toml")

    def test_the_chip_has_its_conductances(self, spec: ChipSpec) -> None:
        assert (spec.pcm.law, spec.pcm.g_max_us) == ("reram", 40)
        assert DEVICE_LAWS.names() == (*DEVICE_LAWS.shipped, "reram")


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("5,4.9,many,0.03,0.05", ["line 3", "sigma_us", "'many'"]),
        ("5,nan,0.5,0.03,0.05", ["line 3", "mean_us", "'nan'"]),
        ("5,4.9,0.5,inf,0.05", ["line 3", "drift", "'inf'"]),
        ("5,4.9,-0.5,0.03,0.05", ["line 3", "sigma_us = -0.5", "negative"]),
        ("5,4.9,0.5,0.03", ["line 3", "no read_noise_us"]),
        ("12,4.9,0.5,0.03,0.05", ["line 4", "target_us = 12", "exceed the 12"]),
        ("0,4.9,0.5,0.03,0.05", ["line 3", "target_us = 0", "exceed"]),
    ],
)
def test_a_wrong_line_is_named(line: str, parts: list[str], tmp_path: Path, program: Program) -> None:  # noqa: F811
    lines = TABLE.splitlines()
    with pytest.raises(ConfigurationError) as caught:
        chip_with(tmp_path, "\n".join([*lines[:2], line, *lines[3:]]))
    for part in ["mine.csv", *parts]:
        assert part in str(caught.value)
    outcome = program("kws", "--chip", str(tmp_path / "chip.toml"))
    assert outcome.code == 2
    assert all(part in " ".join(outcome.err.split()) for part in parts)


@pytest.mark.parametrize(
    ("table", "keys", "parts"),
    [
        (TABLE.replace("drift", "ageing"), "", ["mine.csv", "lacks the column 'drift'"]),
        (TABLE.replace("0,0.05", "1,0.05"), "", ["line 2", "target_us = 1", "must be 0"]),
        (",".join(COLUMNS) + "\n", "", ["mine.csv", "0 rows", "at least 2"]),
        (",".join(COLUMNS) + "\n0,0,0,0,0\n", "", ["line 2", "1 rows", "at least 2"]),
        (TABLE, "g_max_us = 20\n", ["mine.csv", "ends at 12 µS", "g_max_us = 20"]),
    ],
)
def test_a_wrong_table_is_named(table: str, keys: str, parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        chip_with(tmp_path, table, keys)
    for part in parts:
        assert part in str(caught.value)


def test_a_table_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "chip.toml").write_text('[pcm]\nlaw = "mine.csv"\n')
    with pytest.raises(ConfigurationError, match=r"mine\.csv: cannot be read"):
        load_chip(tmp_path / "chip.toml")


def test_a_law_brings_its_conductance_unless_one_is_given(tmp_path: Path) -> None:
    (tmp_path / "chip.toml").write_text('[pcm]\nlaw = "hermes_2"\n')
    assert load_chip(tmp_path / "chip.toml").pcm.g_max_us == 20.7
    assert change_chip(load_chip(), ['pcm.law="hermes_1"', "pcm.g_max_us=9.0"]).pcm.g_max_us == 9.0
    assert change_chip(load_chip(), ['pcm={law="hermes_1", g_max_us=8.0}']).pcm.g_max_us == 8.0


LAW = """
import numpy as np
from pcmesh.devices import Programmed, Retention
class Law:
    g_max_us, exact = 10.0, False
    def programmed(self, g): return Programmed(g, {sigma})
    def retention(self, g, time_s, age_s, window_s):
        return Retention(0 * g, 0 * g, 0.0, 0 * g, 0 * g)
    def read_sigma(self, g, window_s): return {read}
LAW = Law()
"""


@pytest.mark.parametrize(
    ("source", "name", "parts"),
    [
        ("LAW = 3\n", "number", ["'number'", "broken 1.0", "is a int", "DeviceLaw"]),
        ("raise RuntimeError('no licence')\n", "licensed", ["'licensed'", "RuntimeError: no licence", "broken 1.0"]),
        ("", "empty", ["'empty'", "cannot be loaded", "LAW"]),
    ],
)
def test_a_package_without_a_law_is_named(
    source: str, name: str, parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "broken", {DEVICE_LAWS.group: {name: f"law_{name}:LAW"}}, {f"law_{name}": source})
    with pytest.raises(ConfigurationError) as caught:
        change_chip(load_chip(), [f'pcm.law="{name}"'])
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "sigma", "read", "parts"),
    [
        ("negative", "-0.1 - 0 * g", "0 * g", ["programmed", "sigma = -0.1", "g = 0"]),
        ("nan", "0 * g", "np.log(-1 - 0 * g)", ["read_sigma", "sigma = nan"]),
        ("shapeless", "0.1", "0 * g", ["programmed", "shape ()"]),
    ],
)
def test_a_law_that_no_device_can_have_is_named(
    name: str, sigma: str, read: str, parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = LAW.format(sigma=sigma, read=read)
    install(tmp_path, monkeypatch, "odd", {DEVICE_LAWS.group: {name: f"law_{name}:LAW"}}, {f"law_{name}": source})
    law = law_of(change_chip(load_chip(), [f'pcm.law="{name}"']).pcm)
    with np.errstate(all="ignore"), pytest.raises(ConfigurationError) as caught:
        _ = law.programmed(LEVELS), law.read_sigma(LEVELS, 1.0)
    for part in [repr(name), *parts]:
        assert part in str(caught.value)


def test_two_packages_with_one_name_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("first", "second"):
        install(tmp_path / package, monkeypatch, package, {DEVICE_LAWS.group: {"flash": f"{package}_law:LAW"}})
    with pytest.raises(ConfigurationError, match=r"'flash' comes from more than one package: first 1\.0 and second"):
        DEVICE_LAWS.load("flash")


def test_what_ships_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "thief", {DEVICE_LAWS.group: {"ideal": "nowhere:LAW"}})
    assert DEVICE_LAWS.load("ideal").exact
    assert DEVICE_LAWS.names().count("ideal") == 1
