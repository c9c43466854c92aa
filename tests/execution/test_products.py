"""Products with digital ends: numbers in, numbers out."""

import pytest
import torch

from pcmesh.deployed.chip import Chip, bring_up
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.hardware import load_chip
from pcmesh.mapping import Encoding, LayerOptions
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.physics.fabrication import Instance
from pcmesh.pipeline import compile_network

ROWS, COLUMNS = 600, 40
DAY_S = 86_400.0


def frames(count: int, seed: int) -> torch.Tensor:
    return torch.tanh(torch.randn(count, ROWS, generator=torch.Generator().manual_seed(seed)))


def products(
    chip: str, options: LayerOptions, mesh: bool = False, sizes: torch.Tensor | None = None, own_gains: bool = False
) -> tuple[Chip, torch.Tensor]:
    weight = torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(0)) * 0.1
    weight = weight if sizes is None else weight * sizes
    vectors = (Vector(name="x", size=ROWS), Vector(name="y", size=COLUMNS))
    graph = LayerGraph("one", vectors, (AnalogLayer(name="layer", input="x", output="y"),), (), {"layer": weight})
    compiled = compile_network(graph, load_chip(chip), {"layer": options})
    clipped_share = 0.0 if chip == "ideal" else 0.001
    settings = {"mesh": mesh, "clipped_share": clipped_share, "scale_columns": own_gains}
    made = bring_up(compiled, Instance(0), {"x": frames(600, 1)}, **settings)
    return made, weight


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("sums", [frozenset(), frozenset({0})], ids=["analog sum", "digital sum"])
def test_ideal_chip_gives_the_product(encoding: Encoding, sums: frozenset[int]):
    made, weight = products("ideal", LayerOptions(encoding=encoding, digital_sums=sums))
    assert made.layer("layer").banks.partials == (2 if sums and encoding is not Encoding.PCM2 else 1)
    x = frames(600, 1)
    wanted = x @ weight
    assert float((made.layer("layer")(x, None) - wanted).abs().max()) < 1e-3 * float(wanted.abs().max())


def test_affine_read_out_makes_up_for_the_columns_of_a_real_chip():
    made, weight = products("nature2023", LayerOptions(encoding=Encoding.AB), mesh=True)
    x = frames(500, 3)
    keys = noise_keys(Instance(0), [str(number) for number in range(len(x))])
    error = made.layer("layer")(x, keys) - x @ weight
    assert float(error.std()) < 0.3 * float((x @ weight).std())
    # Offsets are fitted on 600 frames: what is left of a column's mean error is sampling error of about 1/sqrt(500).
    assert float(error.mean(0).abs().max()) < 6 * float(error.std()) / len(x) ** 0.5


@pytest.mark.parametrize("sums", [frozenset(), frozenset({0})], ids=["analog sum", "digital sum"])
def test_columns_written_with_their_own_gain_give_the_product(sums: frozenset[int]):
    sizes = torch.logspace(-1, 0, COLUMNS)
    options = LayerOptions(encoding=Encoding.AB, digital_sums=sums)
    made, weight = products("ideal", options, sizes=sizes, own_gains=True)
    x = frames(600, 1)
    wanted = x @ weight
    error = (made.layer("layer")(x, None) - wanted).abs().amax(0) / wanted.abs().amax(0)
    assert float(error.max()) < 2e-3


def test_small_columns_are_more_exact_with_their_own_gain():
    sizes = torch.logspace(-1, 0, COLUMNS)
    x = frames(500, 3)
    keys = noise_keys(Instance(0), [str(number) for number in range(len(x))])

    def error(own_gains: bool) -> torch.Tensor:
        made, weight = products("nature2023", LayerOptions(), sizes=sizes, own_gains=own_gains)
        wanted = x @ weight
        return (made.layer("layer")(x, keys) - wanted).std(0) / wanted.std(0)

    one, own = error(False), error(True)
    small = slice(0, COLUMNS // 4)
    assert float(own[small].mean()) < 0.5 * float(one[small].mean())
    assert float(own[-1]) < 1.2 * float(one[-1])  # the largest columns stay as they were


def test_a_result_does_not_depend_on_its_company():
    layer = products("nature2023", LayerOptions(encoding=Encoding.AB))[0].layer("layer")
    x = frames(20, 5)
    keys = noise_keys(Instance(0), [str(number) for number in range(len(x))])
    together = layer(x, keys)
    alone = torch.cat([layer(x[n : n + 1], keys[n : n + 1]) for n in range(len(x))])
    assert torch.equal(together, alone)


def test_drift_shrinks_products_until_the_read_out_is_calibrated_anew():
    made, weight = products("nature2023", LayerOptions(encoding=Encoding.AB))
    x = frames(400, 6)
    wanted = x @ weight

    def gain(chip: Chip) -> float:
        return float((chip.layer("layer")(x, None) * wanted).sum() / wanted.square().sum())

    old = made.aged(30 * DAY_S)
    assert gain(old) < 0.95 * gain(made)
    assert gain(old.expecting_drift()) == pytest.approx(gain(made), abs=0.03)
    assert gain(made.expecting_drift()) == gain(made)
    assert gain(old.recalibrated({"x": frames(600, 1)})) == pytest.approx(gain(made), abs=0.02)
