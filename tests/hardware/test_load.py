"""Loading chips: presets, derived chips, and every way in which a file can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pcmesh.errors import ConfigurationError, InputError, PcmeshError
from pcmesh.hardware import ChipSpec, Pad, Site, check_chip, load_chip, preset_names
from pcmesh.hardware.limits import ChipError


def _write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", preset_names())
def test_presets_load_and_survive_json(name: str) -> None:
    chip = load_chip(name)
    assert chip.name == name
    assert ChipSpec.model_validate_json(chip.model_dump_json()) == chip


def test_preset_states_the_figures_of_the_paper() -> None:
    chip = load_chip("nature2023")
    assert chip.tiles == 34
    assert (chip.tile.rows, chip.tile.columns, chip.tile.bias_rows) == (512, 512, 8)
    assert chip.devices == 35_651_584
    assert chip.capacity_2pcm == 17_825_792
    assert len(chip.grid.ilps) == len(chip.grid.olps) == 6
    assert chip.wires == 512
    assert (chip.timing.step_ns, chip.timing.input_max_ns, chip.digital.layer_ns) == (300, 255, 300)
    assert chip.column.capacitance_ff == 250
    assert chip.column.read_voltage_v == 0.3
    assert chip.controller.word_bits == 128


def test_ideal_chip_differs_only_in_imperfections() -> None:
    ideal, real = load_chip("ideal"), load_chip("nature2023")
    assert (ideal.grid, ideal.tile, ideal.controller, ideal.digital) == (
        real.grid,
        real.tile,
        real.controller,
        real.digital,
    )
    assert ideal.pcm.law == "ideal"
    assert ideal.column.gain_sigma == ideal.column.noise_mv == ideal.mesh.jitter_ns == 0


def test_a_derived_chip_lists_only_what_differs(tmp_path: Path) -> None:
    chip = load_chip(_write(tmp_path, "[tile]\nrows = 256\n[column]\ncapacitor_units_used = 8\n"))
    assert chip.name == "mine"
    assert (chip.tile.rows, chip.tile.columns) == (256, 512)
    assert chip.column.capacitance_ff == 400
    assert chip.mesh == load_chip().mesh
    assert chip.devices == load_chip().devices // 2


def test_base_and_name_can_be_given(tmp_path: Path) -> None:
    chip = load_chip(_write(tmp_path, 'base = "ideal"\nname = "other"\n[timing]\nstep_ns = 260\n'))
    assert (chip.name, chip.pcm.law, chip.timing.step_ns) == ("other", "ideal", 260)


def test_grid_places(tmp_path: Path) -> None:
    text = """
[grid]
rows = 2
columns = 2
gaps = [[0, 1]]
pads = [{ domain = "A", edge = "east", ilp_row = 1, olp_row = 0 }]
"""
    chip = load_chip(_write(tmp_path, text))
    assert chip.grid.sites == (Site(0, 0), Site(1, 0), Site(1, 1))
    assert chip.grid.ilps == (Pad("A", "east", 1),)
    assert chip.grid.olps == (Pad("A", "east", 0),)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[tile]\nrow = 4\n", ["tile.row", "no such key", "Is rows meant?"]),
        ("[tiles]\nrows = 4\n", ["tiles", "no such key", "Is tile meant?"]),
        ("[tile]\nrows = 0\n", ["tile.rows = 0", "whole number >= 1, <= 1024", "Take 1 to 1024"]),
        ("[tile]\nrows = -512\n", ["tile.rows", "tile.rows = -512"]),
        ("[tile]\nrows = 2048\n", ["tile.rows", "1024", "tile.rows = 2048"]),
        ("[tile]\nrows = 511\n", ["tile.rows = 511: even", "Take 510 or 512"]),
        ('[tile]\nrows = "many"\n', ["tile.rows = 'many'", "whole number"]),
        ("[tile]\nrows = 1.5\n", ["tile.rows = 1.5", "whole number"]),
        ("tile = 4\n", ["tile = 4: must be a table"]),
        ("[pcm]\ng_max_us = nan\n", ["pcm.g_max_us", "finite"]),
        ('[pcm]\nlaw = "flash"\n', ["pcm.law", "pcm_like", "flash"]),
        ("[column]\ncapacitor_units_used = 9\n", ["capacitor_units_used = 9", "capacitor_units = 8"]),
        ("[column]\ncapacitor_units_used = 0\n", ["column.capacitor_units_used", "whole number from 1", "= 0"]),
        ('[column]\ncapacitor_units_used = "all"\n', ["column.capacitor_units_used", '"smallest"', "= 'all'"]),
        ("[column]\ncapacitor_units = 4\n", ["capacitor_units_typical = 5", "capacitor_units = 4"]),
        ("[timing]\nstep_ns = 200\n", ["step_ns = 200", "input_max_ns = 255"]),
        ("[grid]\ngaps = [[6, 0]]\n", ["[6, 0]", "6 x 6"]),
        ("[grid]\ngaps = [[0, 0], [0, 0]]\n", ["[0, 0]", "each gap is listed once"]),
        ("[grid]\nrows = 1\ncolumns = 1\ngaps = [[0, 0]]\n", ["grid.gaps = 1 gaps", "holds a tile"]),
        ("[grid]\nrows = 5\n", ["row 5", "the last mesh row is 4"]),
        ("[grid]\npads = []\n", ["grid.pads = []", "at least one table"]),
        ('base = "nature2024"\n', ["nature2024", "nature2023"]),
        ("base = [1]\n", ["[1]", "nature2023"]),
    ],
)
def test_wrong_chips_are_named_with_key_and_value(text: str, parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_chip(_write(tmp_path, text))
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in caught.value.problem


@pytest.mark.parametrize("content", [b"rows = \n", b"[tile\n", b"\xff\xfe\x00", b"\x80PK", b"a = " + b"[" * 3000])
def test_what_is_not_toml(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "chip.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"chip\.toml: (not readable TOML|is no UTF-8 text)"):
        load_chip(path)


def test_a_number_that_cannot_be_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"tile\.rows = .*thousands of digits") as caught:
        load_chip(_write(tmp_path, f"[tile]\nrows = 0x{'f' * 9000}\n"))
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_the_preset_that_is_probably_meant_is_named() -> None:
    with pytest.raises(InputError, match="Is nature2023 meant"):
        load_chip("nature2032")


@pytest.mark.parametrize("name", ["nature", "no/such/file.toml", ""])
def test_unknown_presets_and_files(name: str) -> None:
    with pytest.raises(PcmeshError, match="neither a preset nor a file") as caught:
        load_chip(name)
    assert "ideal, nature2023" in str(caught.value)


def test_a_chip_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_chip().tile.rows = 3  # type: ignore[misc]


HALF_THE_TIME_ON_LARGER_TILES = """
[tile]
rows = 2048
columns = 1023
colums = 4

[timing]
integration_ns = 150

[column]
swing_v = "high"
capacitor_units = 4

[pcm]
law = "none.csv"

[[grid.pads]]
domain = "A"
edge = "west"
olp_row = 0

[[grid.pads]]
domain = "A"
edge = "west"
olp_row = 0
"""


def test_all_broken_limits_are_found_at_once(tmp_path: Path) -> None:
    chip, broken = check_chip(_write(tmp_path, HALF_THE_TIME_ON_LARGER_TILES))
    assert chip is None
    assert {entry.keys[0] for entry in broken} == {
        "tile.rows",
        "tile.columns",
        "tile.colums",
        "timing.integration_ns",
        "column.swing_v",
        "column.capacitor_units_typical",
        "pcm.law",
        "grid.pads",
    }
    assert len(broken) == 9  # two of them are the pads': one name twice, one end of a row twice
    assert all(entry.remedy for entry in broken)
    with pytest.raises(ChipError, match=r"breaks 9 limits: \(1\) .*; and 4 more") as caught:
        load_chip(tmp_path / "mine.toml")
    assert caught.value.broken == broken


def test_nothing_follows_from_a_key_that_is_wrong_by_itself(tmp_path: Path) -> None:
    _, broken = check_chip(_write(tmp_path, "[timing]\ninput_max_ns = 0\nstep_ns = 200\noutput_max_ns = 200\n"))
    assert [entry.keys[0] for entry in broken] == ["timing.input_max_ns"]


@pytest.mark.parametrize("name", preset_names())
def test_presets_break_nothing(name: str) -> None:
    assert check_chip(name) == (load_chip(name), ())
