"""What every chip must hold, also one of another package: subclass `ChipContract` and give `name`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import pcmesh
from pcmesh.hardware import CHIPS, ChipSpec, change_chip, load_chip, preset_names
from tests.mapping.encoding_contract import codes_differing, network


class ChipContract:
    """Tests of one chip, from its file to a routed network."""

    @pytest.fixture
    def name(self) -> str:
        """Return the chip's name."""
        raise NotImplementedError

    @pytest.fixture
    def chip(self, name: str) -> ChipSpec:
        return load_chip(name)

    def test_its_name_is_known_and_its_own(self, name: str, chip: ChipSpec) -> None:
        assert name in preset_names()
        assert name in CHIPS
        assert chip.name == name

    def test_it_survives_json(self, chip: ChipSpec) -> None:
        assert ChipSpec.model_validate_json(chip.model_dump_json()) == chip

    def test_its_places_are_tiles_or_gaps(self, chip: ChipSpec) -> None:
        grid = chip.grid
        assert chip.tiles == grid.rows * grid.columns - len(grid.gaps) == len(set(grid.sites))
        assert grid.ilps
        assert grid.olps

    def test_a_file_and_a_change_start_from_it(self, name: str, chip: ChipSpec, tmp_path: Path) -> None:
        (tmp_path / "mine.toml").write_text(f'base = "{name}"\n[tile]\nrows = 64\n')
        mine = load_chip(tmp_path / "mine.toml")
        assert mine.tile.rows == 64
        assert mine == change_chip(chip, ["tile.rows=64"]).model_copy(update={"name": "mine"})
        assert mine.model_copy(update={"name": chip.name, "tile": chip.tile}) == chip

    def test_a_network_is_routed_on_it_and_both_engines_agree(self, name: str) -> None:
        """Code by code; the products are PyTorch's but for what the chip does to them."""
        software, x = network(60, False), torch.randn(300, 60, generator=torch.Generator().manual_seed(1))
        on_chip = pcmesh.compile(software, x, chip=name, route=True)
        wanted = software(x).detach()
        assert float((on_chip(x).detach() - wanted).norm() / wanted.norm()) < 0.3
        assert codes_differing(on_chip) == 0
