"""`pcmesh.compile`: on the ideal chip a network is itself; on the real one it runs, repeats itself, ages, recovers."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import pcmesh
from pcmesh.errors import CapacityError, ConfigurationError, InputError, UnsupportedModelError
from pcmesh.hardware import load_chip
from pcmesh.mapping import Encoding, LayerOptions


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(150, 40), nn.ReLU(),
        nn.Linear(40, 5),
    ).eval()  # fmt: skip


@pytest.fixture(scope="module")
def data() -> Tensor:
    return torch.randn(300, 2, 12, 12, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def on_chip(data: Tensor) -> pcmesh.ChipModel:
    return pcmesh.compile(network(), data)


def relative(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).std() / wanted.std())


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("encoding", list(Encoding))
def test_on_the_ideal_chip_it_equals_pytorch(data: Tensor, encoding: Encoding, pack: bool) -> None:
    model = network()
    chip_model = pcmesh.compile(model, data, chip="ideal", encoding=encoding, pack=pack, clipped_share=0.0)
    with torch.no_grad():
        wanted = model(data)
    assert float((chip_model(data) - wanted).abs().max() / wanted.abs().max()) < 1e-3
    assert type(chip_model).__mro__[1] is nn.Module


def test_the_same_sample_gives_the_same_bits_in_any_batch(on_chip: pcmesh.ChipModel, data: Tensor) -> None:
    whole = on_chip(data[:8])
    assert torch.equal(on_chip(data[3:4]), whole[3:4])
    assert torch.equal(on_chip(data[:8].flip(0)), whole.flip(0))
    assert not torch.equal(on_chip.without_noise()(data[:8]), whole)


class Bidirectional(nn.Module):
    """A recurrent layer over packed sequences, which torch.export cannot trace."""

    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.gru = nn.GRU(6, hidden, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=x.shape[1])
        return y


@pytest.fixture(scope="module")
def sequences() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(40, 5, 6), torch.randint(1, 6, (40,))


@pytest.fixture(scope="module")
def own_code(sequences: tuple[Tensor, Tensor]) -> pcmesh.ChipModel:
    return pcmesh.compile(Bidirectional(), sequences)


def test_a_packed_sequence_gives_the_same_bits_in_any_batch(
    own_code: pcmesh.ChipModel, sequences: tuple[Tensor, Tensor]
) -> None:
    x, lengths = sequences
    whole, order = own_code(x, lengths), torch.tensor([7, 3, 30])
    assert torch.equal(own_code(x[order], lengths[order]), whole[order])
    assert not torch.equal(own_code.without_noise()(x, lengths), whole)


def test_own_code_is_saved_without_the_code(
    own_code: pcmesh.ChipModel, sequences: tuple[Tensor, Tensor], tmp_path: Path
) -> None:
    own_code.save(tmp_path / "chip")
    again = pcmesh.load(tmp_path / "chip", network=Bidirectional())
    assert torch.equal(again(*sequences), own_code(*sequences))
    assert again.summary() == own_code.summary()
    with pytest.raises(InputError, match="runs its own Python code"):
        pcmesh.load(tmp_path / "chip")
    with pytest.raises(InputError, match="is of another network"):
        pcmesh.load(tmp_path / "chip", network=Bidirectional(12))
    with pytest.raises(UnsupportedModelError, match=r"torch\.export cannot trace"):
        own_code.export()


def test_named_samples_draw_new_noise(on_chip: pcmesh.ChipModel, data: Tensor) -> None:
    with on_chip.samples(range(4)):
        first = on_chip(data[:4])
    with on_chip.samples(range(4, 8)):
        second = on_chip(data[:4])
    assert not torch.equal(first, second)
    with on_chip.samples([1]), pytest.raises(InputError, match="1 names for 4 samples"):
        on_chip(data[:4])


def test_drift_costs_accuracy_and_recalibration_gives_most_of_it_back(on_chip: pcmesh.ChipModel, data: Tensor) -> None:
    wanted = on_chip.software(data)
    later = on_chip.at("1w")
    fresh, aged, recovered = (relative(m(data), wanted) for m in (on_chip, later, later.recalibrate()))
    assert fresh < recovered < aged < 1.0
    assert recovered - fresh < (aged - fresh) / 2
    assert later.age_s == 604_800


def test_saved_and_loaded_it_is_the_same_chip(on_chip: pcmesh.ChipModel, data: Tensor, tmp_path: Path) -> None:
    on_chip.at("1d").save(tmp_path / "model")
    loaded = pcmesh.load(tmp_path / "model")
    assert torch.equal(loaded(data[:5]), on_chip.at("1d")(data[:5]))
    assert loaded.summary() == on_chip.at("1d").summary()
    network().load_state_dict(loaded.state_dict())
    (tmp_path / "model" / "chip.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match=r"chip\.safetensors"):
        pcmesh.load(tmp_path / "model")
    with pytest.raises(InputError, match="no folder of pcmesh"):
        pcmesh.load(tmp_path)


def test_chips_differ_and_seeds_repeat(on_chip: pcmesh.ChipModel, data: Tensor) -> None:
    other = on_chip.on(number=1)
    assert torch.equal(pcmesh.compile(network(), data, number=1)(data[:4]), other(data[:4]))
    assert not torch.equal(other(data[:4]), on_chip(data[:4]))
    assert torch.equal(other.on(number=0)(data[:4]), on_chip(data[:4]))


def test_summary_names_every_operation_and_fits_a_page(on_chip: pcmesh.ChipModel) -> None:
    text = on_chip.summary()
    assert max(map(len, text.splitlines())) <= 100
    for word in ("conv2d", "linear", "relu", "max_pool2d", "batch_norm", "flatten", "PCMs", "pipelined"):
        assert word in text


def test_pins_and_what_contradicts_them(data: Tensor) -> None:
    pins = {"5": "2-PCM", "0": LayerOptions(encoding=Encoding.PCM4), "7": "digital"}
    chip_model = pcmesh.compile(network(), data, layers=pins)
    encodings = {layer.layer: layer.encoding for layer in chip_model.program.mapping.layers}
    assert encodings == {"0": Encoding.PCM4, "5": Encoding.PCM2}
    with pytest.raises(ConfigurationError, match="no layer 'fc'"):
        pcmesh.compile(network(), data, layers={"fc": "AB"})


def test_few_examples_are_said_to_be_few() -> None:
    chip_model = pcmesh.compile(network(), torch.randn(2, 2, 12, 12))
    assert "few calibration frames" in chip_model.summary()
    assert (
        "few calibration frames"
        not in pcmesh.compile(network(), torch.randn(2, 2, 12, 12), calibration=[torch.randn(260, 2, 12, 12)]).summary()
    )


def test_wrong_inputs_training_and_foreign_weights_are_refused(on_chip: pcmesh.ChipModel) -> None:
    with pytest.raises(InputError, match="3 dimensions"):
        on_chip(torch.randn(2, 12, 12))
    with pytest.raises(ConfigurationError, match="cannot be trained"):
        on_chip.train()
    with pytest.raises(ConfigurationError, match="programmed chip"):
        on_chip.load_state_dict({})
    assert on_chip.eval() is on_chip


def test_layers_spread_over_chips_and_share_tiles_where_that_saves_one() -> None:
    chip = load_chip("nature2023")
    grid = chip.grid.model_copy(update={"rows": 2, "columns": 2, "gaps": (), "pads": chip.grid.pads[:1]})
    small = chip.model_copy(update={"grid": grid, "tile": chip.tile.model_copy(update={"rows": 32, "columns": 32})})
    wide = nn.ModuleList(nn.Linear(32, 40) for _ in range(3))
    wide.forward = lambda x: torch.cat([layer(x) for layer in wide], 1)  # type: ignore[method-assign]
    chip_model = pcmesh.compile(wide, torch.randn(300, 32), chip=small)
    assert chip_model.program.placement.chips == 1
    assert "layers share tiles, 1 instead of 2 chips" in chip_model.summary()
    apart = pcmesh.compile(wide, torch.randn(300, 32), chip=small, pack=False)
    assert apart.program.placement.chips == 2


def test_a_column_of_rows_that_no_bank_holds_is_summed_over_chips() -> None:
    tall = nn.Linear(3000, 3)
    chip_model = pcmesh.compile(tall, torch.randn(300, 3000), encoding="2-PCM")
    assert len(chip_model.program.mapping.tiles) == 3
    x = torch.randn(64, 3000)
    assert relative(chip_model(x), chip_model.software(x)) < 0.5


def test_noise_of_a_chip_for_training(on_chip: pcmesh.ChipModel) -> None:
    fresh, later = on_chip.noise_config(), on_chip.at("1mo").noise_config()
    assert 0.005 < fresh.weight_sigma < 0.1
    assert 0.0 < fresh.output_sigma < 0.1
    assert later.weight_relative > fresh.weight_relative > 0  # drift takes a share of each weight
    ideal = on_chip.on("ideal", clipped_share=0.0).noise_config()
    assert ideal.weight_sigma < 1e-4
    assert ideal.output_sigma < 1e-4


@pytest.mark.parametrize("compiled", [False, True])
def test_train_under_the_chips_noise_then_compile(data: Tensor, compiled: bool) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(288, 8))
    aware = pcmesh.training.hardware_aware(model).train()
    loop = torch.compile(aware, backend="eager") if compiled else aware
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    target = data.flatten(1)[:, :8]
    losses = []
    for _ in range(40):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(loop(data), target)
        loss.backward()
        optimiser.step()
        aware.clip_weights()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
    assert relative(pcmesh.compile(model.eval(), data)(data), target) < 0.8


def test_exported_it_is_the_chip_without_noise(on_chip: pcmesh.ChipModel, data: Tensor, tmp_path: Path) -> None:
    program = on_chip.export()
    got, wanted = program.module()(data[:7]), on_chip.without_noise()(data[:7])
    software = on_chip.software(data[:7])
    assert relative(got, wanted) < relative(wanted, software) / 2
    assert relative(got, wanted) < 0.06  # devices that drifted before calibration are what a plain graph lacks
    torch.onnx.export(program, f=str(tmp_path / "chip.onnx"), verbose=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "chip.onnx"))
    (onnx,) = session.run(None, {session.get_inputs()[0].name: data[:7].numpy()})
    torch.testing.assert_close(torch.from_numpy(onnx), got, rtol=1e-3, atol=0.03)


def test_a_layer_beyond_the_chips_allowed_is_named() -> None:
    wide = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 512 * 40))
    with pytest.raises(CapacityError, match=r"layer 1 \(64 x 20480, 40 tiles in AB\).* on 2 chips, 1 may be used"):
        pcmesh.compile(wide, torch.randn(4, 64), max_chips=1, pack=False)


def test_inputs_without_a_batch_have_noise_of_their_own() -> None:
    torch.manual_seed(0)
    model = nn.LSTM(8, 16)
    x = torch.randn(6, 8)
    one = pcmesh.compile(model, x, batch_dim=None)
    assert torch.equal(one(x)[0], one(x)[0])
    assert not torch.equal(one(x)[0] - one.without_noise()(x)[0], torch.zeros(6, 16))
    with one.samples(["other"]):
        assert not torch.equal(one(x)[0], one.without_noise()(x)[0])
        other = one(x)[0]
    assert not torch.equal(other, one(x)[0])


class Masked(nn.Module):
    """Attention with a mask of minus infinity, as networks keep it."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(5))

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, attn_mask=self.mask, need_weights=False)[0]


def test_infinities_of_the_network_itself_are_kept(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(60, 5, 8)
    model = pcmesh.compile(Masked(), x)
    model.save(tmp_path / "model")
    assert torch.equal(pcmesh.load(tmp_path / "model")(x), model(x))
