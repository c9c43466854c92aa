"""More rows than inputs in any network: pins, equality on an ideal chip, figures, the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import pcmesh
from pcmesh.deployed.choices.options import ProductOptions, product_options
from pcmesh.deployed.figures.footprint import model_figures
from pcmesh.errors import ConfigurationError
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.mapping.rows import Copies, Expansion, normal_matrix


@pytest.mark.parametrize("more", [Copies(3), Expansion(normal_matrix(20, 6, torch.Generator().manual_seed(0)))])
def test_more_rows_give_the_same_product(more: Copies | Expansion) -> None:
    x, weight = torch.randn(7, 6, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    if isinstance(more, Expansion):
        more = Expansion(more.matrix_NR.double())
    torch.testing.assert_close(more.inputs(x) @ more.weight(weight), x @ weight)


@pytest.mark.parametrize("way", ["AB", "2-PCM", "4-PCM,copies=4", "AB,expand=1024"])
def test_a_way_is_written_as_it_is_read(way: str) -> None:
    assert product_options(way, Encoding.AB).way == way


@pytest.mark.parametrize("way", ["3-PCM", "AB,copies", "AB,copies=0", "AB,rows=3", "AB,copies=2,expand=9", ""])
def test_other_words_are_refused(way: str) -> None:
    with pytest.raises(ConfigurationError, match="AB,copies=4"):
        product_options(way, Encoding.AB)


def test_layer_options_keep_what_they_say() -> None:
    assert product_options(LayerOptions(chip=2), Encoding.PCM2) == ProductOptions(chip=2)
    assert product_options(None, Encoding.PCM2).way == "2-PCM"


@pytest.mark.parametrize("way", ["AB,copies=3", "2-PCM,expand=96"])
def test_an_ideal_chip_equals_the_network(way: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(40, 24), nn.ReLU(), nn.Linear(24, 5))
    x = torch.randn(300, 40)
    model = pcmesh.compile(network, x, "ideal", layers={"0": way, "2": way}, clipped_share=0.0)
    wanted = network(x).detach()
    assert float((model(x) - wanted).abs().max()) < 1e-3 * float(wanted.abs().max())
    model.save(tmp_path / "chip")
    assert torch.equal(pcmesh.load(tmp_path / "chip")(x), model(x))
    first = model_figures(model.program).products[0]
    assert (first.way, first.rows) == (way, 40)
    assert first.expansion == (2 * 96 * 40 if "expand" in way else 0)
    assert way in model.summary()
    assert ("weight expansion" in model.summary()) == ("expand" in way)


def test_an_expansion_to_fewer_rows_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 40 rows"):
        pcmesh.compile(nn.Linear(40, 3), torch.randn(4, 40), layers={"weight": "AB,expand=30"})


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("way", ["AB", "4-PCM", "AB,copies=4", "4-PCM,copies=2", "AB,expand=600"])
def test_a_packed_product_keeps_its_scale_alone_and_beside_others(way: str, scaled: bool) -> None:
    """Of sizes that fill no tile, exactly one, and more than one; small weights show a factor that is lost."""
    torch.manual_seed(0)
    x = torch.randn(64, 300)
    for columns in (40, 512, 600):
        network = nn.Sequential(nn.Linear(300, columns, bias=False))
        wanted = network(x).detach()
        options = {"clipped_share": 0.0, "scale_columns": scaled, "pack": True, "layers": {"0": way}}
        got = pcmesh.compile(network, x, "ideal", **options)(x)
        assert float((got - wanted).abs().max()) < 1e-3 * float(wanted.abs().max())
    tall = nn.Linear(512, 512, bias=False)
    got = pcmesh.compile(tall, torch.randn(64, 512), "ideal", clipped_share=0.0, scale_columns=scaled, pack=True)
    wanted = tall(x := torch.randn(8, 512)).detach()
    assert float((got(x) - wanted).std()) < 0.05 * float(wanted.std())


def test_products_on_one_tile_are_mapped_as_they_are_pinned() -> None:
    network = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10), nn.ReLU(), nn.Linear(10, 5))
    model = pcmesh.compile(network, torch.randn(64, 20), pack=True, layers={"0": "4-PCM", "2": "AB", "4": "4-PCM"})
    mapping, pieces = model.program.mapping, model.program.layout.pieces
    encodings = {layer.layer: layer.encoding for layer in mapping.layers}
    assert [encodings[pieces[name][0].layer] for name in "024"] == [Encoding.PCM4, Encoding.AB, Encoding.PCM4]
    assert len(mapping.tiles) == 2


def test_an_expansion_that_enlarges_errors_is_warned_of() -> None:
    network, x = nn.Linear(60, 4), torch.randn(300, 60)
    near = pcmesh.compile(network, x, "ideal", layers={"": "AB,expand=60"})
    assert any("expanding 60 inputs to 60 rows enlarges errors" in warning for warning in near.program.warnings)
    assert "take at least 75 rows" in " ".join(near.summary().split())
    wide = pcmesh.compile(network, x, "ideal", layers={"": "AB,expand=120"})
    assert not wide.program.warnings


def test_only_some_products_are_programmed() -> None:
    network, x = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Linear(5, 4)), torch.randn(8, 6)
    model = pcmesh.compile(network, x, only=["1"])
    assert [layer.layer for layer in model.program.mapping.layers] == ["1"]
    assert model.only == {"1"}
    with pytest.raises(ConfigurationError, match="'2'"):
        pcmesh.compile(network, x, only=["2"])
