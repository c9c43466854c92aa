"""Every chip that ships, and one of another package, hold the contract of chips."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcmesh.errors import ConfigurationError, InputError
from pcmesh.hardware import CHIPS, load_chip
from tests.cli.conftest import Program, program  # noqa: F401  (a fixture)
from tests.extensions.plugins import install, install_example
from tests.hardware.chip_contract import ChipContract


class TestShipped(ChipContract):
    @pytest.fixture(params=list(CHIPS.shipped))
    def name(self, request: pytest.FixtureRequest) -> str:
        name: str = request.param
        return name


class TestDigitalCores(ChipContract):
    """The chip of examples/plugin, which no file of pcmesh names."""

    @pytest.fixture
    def name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        install_example(tmp_path / "site", monkeypatch)
        return "digital-cores"

    def test_its_cores_take_places_of_the_grid(self, name: str) -> None:
        chip, plain = load_chip(name), load_chip()
        assert (chip.tiles, len(chip.grid.gaps)) == (30, 6)
        assert chip.digital.layer_ns == plain.digital.layer_ns / 2
        assert (chip.tile, chip.pcm, chip.column) == (plain.tile, plain.pcm, plain.column)


def shipping(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """Install a package with a chip."""
    source = f"from pathlib import Path\nCHIP = Path({str(folder / 'chip.toml')!r})\n"
    module = f"chip_of_{name}"
    install(folder, monkeypatch, "a-chip", {CHIPS.group: {name: f"{module}:CHIP"}}, {module: source})
    (folder / "chip.toml").write_text(text)


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("broken", "rows = \n", ["chip.toml", "TOML"]),
        ("itself", 'base = "itself"\n', ["'itself'", "base = 'itself'", "no other preset"]),
        ("nobody", 'base = "nature2024"\n', ["'nobody'", "nature2024", "nature2023"]),
        ("odd", 'base = "ideal"\n[tile]\nrows = 511\n', ["odd", "even and odd wires"]),
        ("wordy", 'base = "ideal"\n[tile]\nrow = 511\n', ["wordy", "tile.row", "no such key"]),
    ],
)
def test_a_package_with_a_wrong_chip_is_named(
    name: str,
    text: str,
    parts: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: Program,  # noqa: F811
) -> None:
    shipping(tmp_path, monkeypatch, name, text)
    with pytest.raises((ConfigurationError, InputError)) as caught:
        load_chip(name)
    for part in parts:
        assert part in str(caught.value)
    assert program("kws", "--chip", name).code == 2


def test_a_chip_may_bring_its_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipping(tmp_path, monkeypatch, "measured", 'base = "nature2023"\nname = "measured"\n[pcm]\nlaw = "mine.csv"\n')
    rows = ("target_us,mean_us,sigma_us,drift,read_noise_us", "0,0,0.1,0,0", "10,10,0.1,0,0.1")
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    chip = load_chip("measured")
    assert (chip.pcm.law, len(chip.pcm.table), chip.pcm.g_max_us) == ("mine.csv", 2, 10)


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipping(tmp_path, monkeypatch, "gone", "")
    (tmp_path / "chip.toml").unlink()
    with pytest.raises(ConfigurationError, match=r"'gone'.*chip\.toml.*cannot be read"):
        load_chip("gone")
