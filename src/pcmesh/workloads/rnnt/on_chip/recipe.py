"""How the RNN-T is compiled for the chips: the passes and options of the paper, by its names of the matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pcmesh.deployed import ChipModel, compile_model
from pcmesh.deployed.choices.options import Pin, ProductOptions
from pcmesh.deployed.deploy import deploy
from pcmesh.errors import ConfigurationError, InputError
from pcmesh.hardware import ChipSpec
from pcmesh.lowering import CentreInputs, CollapseEmbedding, JoinRecurrent, Pass, lowered, prepared
from pcmesh.mapping import Encoding, Lane
from pcmesh.network.capture import capture
from pcmesh.network.examples import Examples
from pcmesh.network.exported.capture import CapturedNetwork, Pins
from pcmesh.physics.fabrication import Instance
from pcmesh.random import torch_generator
from pcmesh.workloads.rnnt.listening.transcriber import Transcriber
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.widths import RnntWidths

LAYERS = (*(f"enc-lstm{n}" for n in range(5)), "enc-fc", "dec-lstm0", "dec-lstm1", "dec-fc")
"""The layers that can be on the chip, in the network's order (paper: Fig. 4a). The joint FC is digital."""

FIRST = "enc-lstm0-wx"
"""The matrix of the features: it may have more rows than inputs, and its inputs are centred."""

_APART, _JOINED = ("enc-lstm0", "enc-lstm1", "enc-lstm2"), ("enc-lstm3", "enc-lstm4")
_DECODER = "decoder.prediction"

PRODUCTS: Final[Mapping[str, str]] = {
    **{f"{n}-w{of}": f"encoder.{n}.lstm.weight_{own}_l0" for n in _APART for of, own in (("x", "ih"), ("h", "hh"))},
    **{name: f"encoder.{name}.lstm.weight_l0" for name in _JOINED},
    "enc-fc": "enc-fc",
    **{name: f"{_DECODER}.{name}.weight_l0" for name in ("dec-lstm0", "dec-lstm1")},
    "dec-fc": f"{_DECODER}.dec-fc",
}
"""The paper's name of a matrix -> the product of the compiled network."""

NAMES: Final[Mapping[str, str]] = {product: name for name, product in PRODUCTS.items()}
"""The product of the compiled network -> the paper's name of the matrix."""

GRAPH_NAMES: Final[Mapping[str, str]] = {
    **NAMES,
    **{f"encoder.{name}.lstm": name for name in (*_APART, *_JOINED)},
    **{f"{_DECODER}.{name}": name for name in ("dec-lstm0", "dec-lstm1")},
    **{"decoder.joint": "joint", "enc-lstm0-in": "features", "dec-lstm0-in": "token", "joint-out": "logits"},
}
"""Product, module or vector -> its name in the graph (`mapping.frame_graph`)."""

DIGITAL_COLUMN_GROUPS = 2
"""Column groups of Wx on chips 1 to 3 that are added digitally (Methods: "blocks 1(-1), 9(-9) and 2(-2), 10(-10)")."""

CALIBRATION_FRAMES = 2000
"""Frames of each layer (paper: Methods)."""
PINS: Final[Pins] = {"decoder.joint": "digital"}
"""What stays digital."""
_TOGETHER = 16


def products_of(layer: str) -> tuple[str, ...]:
    """Return the products of a layer, or of one matrix, by the paper's names: one, or those of Wx and Wh."""
    return tuple(PRODUCTS[name] for name in (layer, f"{layer}-wx", f"{layer}-wh") if name in PRODUCTS)


def paper_passes(widths: RnntWidths) -> tuple[Pass, ...]:
    """Return the passes of the paper: Emb x Wx in one matrix, [Wx, Wh] joined from Enc-LSTM3 on, features centred."""
    return (
        CollapseEmbedding(f"{_DECODER}.embedding", f"{_DECODER}.dec-lstm0", widths.embedding_copies),
        JoinRecurrent((*(f"encoder.{name}" for name in _JOINED), f"{_DECODER}.dec-lstm0", f"{_DECODER}.dec-lstm1")),
        CentreInputs((PRODUCTS[FIRST],)),
    )


def captured_rnnt(
    module: Transcriber, widths: RnntWidths, chip: ChipSpec, example: tuple[Tensor, Tensor], batch_dim: int | None = 0
) -> CapturedNetwork:
    """Return a network captured and lowered as in the paper, from examples of features and lengths."""
    passes, block = paper_passes(widths), (chip.tile.rows, chip.tile.columns)
    examples = Examples.of(example, batch_dim)
    return lowered(capture(prepared(module, passes), examples, block, PINS, None, "eager"), passes, module)


def compile_rnnt(
    network: RnntNetwork,
    chip: ChipSpec,
    training: Sequence[Tensor],
    *,
    ways: Mapping[str, ProductOptions] | None = None,
    seed: int = 0,
    mesh: bool = True,
    frames: int = CALIBRATION_FRAMES,
    scale_columns: bool = True,
    layers: Sequence[str] = LAYERS,
) -> ChipModel:
    """Compile a network as the paper maps it, program the first chip instance with it and calibrate it.

    Args:
        network: in evaluation mode.
        chip: the chip.
        training: features (T, F) of recordings of the training set, to calibrate on.
        ways: matrix by the paper's name -> encoding and rows, for those that are mapped otherwise than in the paper.
        seed: of the chips.
        mesh: False leaves out what wires do to pulses.
        frames: calibration frames of each layer, drawn from the recordings.
        scale_columns: whether each column is written with its own gain, undone by its read-out.
        layers: those that are programmed, from `LAYERS`, while the others are computed in software.

    Raises:
        CapacityError: it does not fit.
        ConfigurationError: an expansion to fewer rows than features, or a way for an unknown matrix.
        InputError: no recordings.
    """
    if not training:
        raise InputError("no recordings to calibrate on", "Give some of the training set")
    network_options = rnnt_recipe(network.widths, chip, ways or {})
    return compile_model(
        Transcriber(network),
        chip=chip,
        calibration=list(batches(training)),
        **{**network_options, "scale_columns": scale_columns},
        route=mesh,
        frames=frames,
        seed=seed,
        only=None if set(layers) == set(LAYERS) else [product for layer in layers for product in products_of(layer)],
    )


def another_chip(model: ChipModel, number: int) -> ChipModel:
    """Return the same layers of a compiled network, with the same routes, on another chip instance."""
    p = model.program
    found = deploy(p.captured, p.frames, p.choice, p.chip, Instance(p.seed, number), model.only, p.compiled)
    return ChipModel(found.program, found.side, only=found.only)


def rnnt_recipe(widths: RnntWidths, chip: ChipSpec, ways: Mapping[str, ProductOptions] | None = None) -> dict[str, Any]:
    """Return the options of `pcmesh.compile` that map a `Transcriber` as the paper does; see `compile_rnnt`."""
    pins: dict[str, Pin] = {PRODUCTS[name]: one for name, one in options_of(widths, chip, ways or {}).items()}
    return {
        "example_inputs": _example(widths),
        "layers": {**pins, **PINS},
        "lowering": paper_passes(widths),
        "scale_columns": True,
        "pack": False,
        "capture_by": "eager",
        "name": "rnnt",
    }


def paper_options(widths: RnntWidths, chip: ChipSpec) -> dict[str, ProductOptions]:
    """Return the options of every matrix as in the paper: encodings, rows, chips, digital sums, lanes.

    AB for the layers that are sensitive (Enc-LSTM0, 1, Enc-LSTM2 Wh, the decoder), 2-PCM for the others; one chip for
    each of Enc-LSTM0..2, one for Enc-LSTM3, 4 and Enc-FC, one for the decoder. The half-filled last tiles of the two
    decoder LSTMs use even and odd columns, so that both leave through one landing pad.

    Source: Methods "RNNT weights and network mapping", Fig. 4e-g, Extended Data Figs. 5, 7.
    """
    blocks = -(-4 * widths.encoder // chip.tile.columns)
    digital = frozenset(range(min(DIGITAL_COLUMN_GROUPS, blocks)))
    options = {
        f"enc-lstm{number}-{matrix}": ProductOptions(
            encoding=Encoding.PCM2 if (number, matrix) == (2, "wx") else Encoding.AB,
            digital_sums=digital if matrix == "wx" else frozenset(),
            chip=number,
        )
        for number in range(3)
        for matrix in ("wx", "wh")
    }
    rows = {"copies": widths.input_copies} if widths.expand is None else {"expand": widths.expand}
    options[FIRST] = options[FIRST].model_copy(update=rows)
    options |= {name: ProductOptions(encoding=Encoding.PCM2, chip=3) for name in (*_JOINED, "enc-fc")}
    # Chip 4 is so full that its five vectors reach all rows at once only when some pairs are stacked the other way.
    options["enc-lstm3"] = options["enc-lstm3"].model_copy(
        update={"first_rows_south": frozenset(range(blocks * 3 // 4, blocks))}
    )
    rest = 4 * widths.prediction % chip.tile.columns
    half_filled = 0 < rest <= chip.tile.columns // 2
    options["dec-lstm0"] = ProductOptions(lane=Lane.EVEN if half_filled else Lane.ALL, chip=4)
    options["dec-lstm1"] = ProductOptions(lane=Lane.ODD if half_filled else Lane.ALL, chip=4)
    options["dec-fc"] = ProductOptions(chip=4)
    return options


def options_of(widths: RnntWidths, chip: ChipSpec, ways: Mapping[str, ProductOptions]) -> dict[str, ProductOptions]:
    """Return the options of every matrix: the paper's, with encodings and rows as `ways` say.

    Raises:
        ConfigurationError: there is no such matrix.
    """
    found = paper_options(widths, chip)
    for name, way in ways.items():
        if name not in found:
            raise ConfigurationError(f"no matrix {name!r} to map", f"One of: {', '.join(found)}")
        update = {"encoding": way.encoding, "copies": way.copies, "expand": way.expand}
        found[name] = found[name].model_copy(update=update)
    return found


def paper_ways(
    widths: RnntWidths,
    chip: ChipSpec,
    *,
    expand: int | None = None,
    copies: int | None = None,
    encoding: Encoding | None = None,
    encodings: Mapping[str, Encoding] | None = None,
) -> dict[str, ProductOptions]:
    """Return how the paper maps each matrix, with some of it changed.

    Args:
        widths: of the network.
        chip: the chip.
        expand: rows of the weight expansion of Enc-LSTM0 Wx; None: copies of each feature.
        copies: their number; None: the paper's.
        encoding: of all matrices; None: the paper's choice for each.
        encodings: of some matrices, before `encoding`.

    Raises:
        ConfigurationError: an encoding for an unknown matrix.
    """
    own, found = encodings or {}, {}
    rows = widths.input_copies if copies is None else copies
    sized = widths.model_copy(update={"expand": expand, "input_copies": rows})
    for name, one in paper_options(sized, chip).items():
        encoded = own.get(name, encoding or one.encoding)
        found[name] = ProductOptions(encoding=encoded, copies=one.copies, expand=one.expand)
    unknown = sorted(set(own) - set(found))
    if unknown:
        raise ConfigurationError(f"no matrix {unknown[0]!r} to pin", f"One of: {', '.join(found)}")
    return found


def batches(features: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield recordings (T, F) of like length side by side: (B, T, F), zeros behind their ends, and lengths (B,)."""
    order = sorted(range(len(features)), key=lambda n: -len(features[n]))
    for start in range(0, len(order), _TOGETHER):
        yield side_by_side([features[n] for n in order[start : start + _TOGETHER]])


def side_by_side(recordings: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return recordings (T, K) side by side, (B, T, K), zeros behind their ends, and their lengths (B,)."""
    return pad_sequence(list(recordings), batch_first=True), torch.tensor([len(one) for one in recordings])


def _example(widths: RnntWidths) -> tuple[Tensor, Tensor]:
    generator = torch_generator(0, "data", "example")
    return torch.randn(3, 8, widths.features, generator=generator), torch.tensor([8, 5, 7])
