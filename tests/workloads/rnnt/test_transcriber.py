"""The RNN-T as one module, and compiled: the letters of the software, the same in any company."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import pcmesh
from pcmesh.errors import ConfigurationError, InputError
from pcmesh.hardware import load_chip
from pcmesh.mapping import Encoding
from pcmesh.workloads.rnnt.listening.recognition import encode, recognise
from pcmesh.workloads.rnnt.listening.transcriber import Transcriber, Written
from pcmesh.workloads.rnnt.on_chip.recipe import (
    FIRST,
    LAYERS,
    PRODUCTS,
    compile_rnnt,
    paper_ways,
    products_of,
    side_by_side,
)
from tests.workloads.rnnt.test_on_chip import NETWORK, RECORDINGS, WIDTHS, compiled

FEATURES = list(RECORDINGS.features)
INPUTS = side_by_side(FEATURES)


def texts(written: Written) -> list[tuple[int, ...]]:
    return [tuple(label for label in row if label != NETWORK.blank) for row in written.labels.tolist()]


def test_the_module_writes_what_the_network_writes() -> None:
    wanted = recognise(NETWORK, FEATURES)
    found = Transcriber(NETWORK)(*INPUTS)
    assert texts(found) == [one.labels for one in wanted]
    frames = [row[row_labels != NETWORK.blank] for row, row_labels in zip(found.frames, found.labels, strict=True)]
    assert [tuple(row.tolist()) for row in frames] == [one.letter_frames for one in wanted]
    assert found.capped.tolist() == [one.capped_frames for one in wanted]
    assert sum(len(one.labels) for one in wanted) > 20


@pytest.mark.parametrize("expand", [None, 300])
def test_on_an_ideal_chip_the_letters_and_the_encoder_are_those_of_the_software(expand: int | None) -> None:
    model = compiled("ideal", expand)
    x, lengths = INPUTS
    for number in range(5):
        x, lengths = model.part(f"encoder.enc-lstm{number}")(x, lengths)
    for own, wanted in zip(x, encode(NETWORK, FEATURES), strict=True):
        # 16-bit pulses and codes; values beyond what the calibration frames showed are clipped.
        assert float((own[: len(wanted)] - wanted).abs().median()) < 2e-3 * float(wanted.std())
    assert texts(model.using(())(*INPUTS)) == [one.labels for one in recognise(NETWORK, FEATURES)]


def test_all_layers_lie_on_five_chips_as_in_the_paper() -> None:
    model = compiled("nature2023")
    assert [layer.layer for layer in model.program.mapping.layers] == list(PRODUCTS.values())
    assert len(model.program.mapping.tiles) == 13
    assert model.program.placement.chips == 5
    rows = {p.name: p.rows for p in model.program.products}
    assert rows[PRODUCTS[FIRST]] == 240
    assert model.program.mapping.layer(PRODUCTS[FIRST]).rows == 960
    assert rows[PRODUCTS["dec-lstm0"]] == 9 * 28 + 16
    assert {product for layer in LAYERS for product in products_of(layer)} == set(PRODUCTS.values())
    digital = [entry for entry in model.program.captured.operations if entry.module.startswith("decoder.joint")]
    assert "analog" not in {entry.where for entry in digital}


@pytest.mark.parametrize("layers", [LAYERS, ("enc-lstm1", "dec-lstm0")])
def test_a_transcript_is_the_same_in_any_company(layers: tuple[str, ...]) -> None:
    model = compiled("nature2023").using([name for layer in layers for name in products_of(layer)])
    names, (x, lengths) = [str(number) for number in range(len(FEATURES))], INPUTS
    with model.samples(names):
        together = model(x, lengths)
    for number in (1, 2):
        with model.samples([names[number]]):
            alone = model(x[[number], : lengths[number]], lengths[[number]])
        assert texts(alone) == [texts(together)[number]]


def test_encodings_are_chosen_by_the_papers_names() -> None:
    ways = paper_ways(WIDTHS, load_chip(), encodings={"dec-fc": Encoding.PCM2, "enc-lstm2-wx": Encoding.AB})
    assert (ways["dec-fc"].encoding, ways["enc-lstm2-wx"].encoding) == (Encoding.PCM2, Encoding.AB)
    assert ways[FIRST].way == "AB,copies=4"
    with pytest.raises(ConfigurationError, match="no matrix 'enc-lstm9'"):
        paper_ways(WIDTHS, load_chip(), encodings={"enc-lstm9": Encoding.AB})
    with pytest.raises(InputError, match="no recordings"):
        compile_rnnt(NETWORK, load_chip(), [])


def test_a_module_of_an_exported_network_cannot_be_called_alone() -> None:
    x: Tensor = torch.randn(300, 8)
    model = pcmesh.compile(torch.nn.Sequential(torch.nn.Linear(8, 8)), x, "ideal")
    with pytest.raises(ConfigurationError, match="called as a whole"):
        model.part("0")
    with pytest.raises(ConfigurationError, match="module"):
        compiled("nature2023").part("enc-lstm9")
    with pytest.raises(ConfigurationError, match="layer"):
        compiled("nature2023").using(["enc-lstm9"])
