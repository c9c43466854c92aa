"""The whole way: on an ideal chip a compiled network equals PyTorch; a chip is the same chip every time."""

from pathlib import Path

import pytest
import torch

from pcmesh.compiled import CompiledNetwork, load_compiled
from pcmesh.deployed.chip import bring_up
from pcmesh.errors import InputError
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.mapping import Encoding
from pcmesh.mapping.options import LayerOptions
from pcmesh.network import AnalogLayer, LayerGraph, Vector
from pcmesh.physics.fabrication import Instance
from pcmesh.physics.pulse import input_ticks
from pcmesh.pipeline import compile_network
from tests.machines import small_chip

FIRST = Instance(3)


def make_graph(sizes=(40, 24, 16, 5), seed=0) -> LayerGraph:
    generator = torch.Generator().manual_seed(seed)
    last = len(sizes) - 1
    vectors = tuple(Vector(name=f"v{i}", size=n, signed=i in (0, last)) for i, n in enumerate(sizes))
    layers = tuple(
        AnalogLayer(name=f"l{i}", input=f"v{i}", output=f"v{i + 1}", activation="relu" if i + 1 < last else "linear")
        for i in range(last)
    )
    weights = {f"l{i}": torch.randn(sizes[i], sizes[i + 1], generator=generator) * 0.3 for i in range(last)}
    return LayerGraph("chain", vectors, layers, (), weights)


def software(graph: LayerGraph, values: torch.Tensor) -> torch.Tensor:
    for layer in graph.layers:
        values = values @ graph.weights[layer.name]
        values = torch.relu(values) if layer.activation == "relu" else values
    return values


def make(preset: str, encoding: Encoding, seed=0) -> tuple[CompiledNetwork, torch.Tensor]:
    graph = make_graph(seed=seed)
    inputs = torch.randn(200, 40, generator=torch.Generator().manual_seed(seed + 1))
    chip = small_chip(rows=32, columns=32, preset=preset)
    options = {layer.name: LayerOptions(encoding=encoding) for layer in graph.layers}
    return compile_network(graph, chip, options, {"v0": inputs}), inputs


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("seed", range(4))
def test_ideal_chip_equals_pytorch(encoding, seed):
    """Three layers, the last within 1e-4 of its full scale (what is left are the pulses' 1/256 ns)."""
    compiled, inputs = make("ideal", encoding, seed)
    chip = bring_up(compiled, Instance(0), {"v0": inputs}, "none", clipped_share=0.0)
    result = chip.engine().run({"v0": input_ticks(inputs, full_scale(inputs), compiled.chip.timing)}, None)["l2"][0]
    span = chip.calibration.ranges["l2"]
    ramp = chip.calibration.ramps[compiled.mapping.groups_of("l2")[0].index]
    error = span.values(result, ramp) - software(compiled.graph, inputs)
    assert float(error.abs().max()) < 1e-4 * span.output_full_scale


def full_scale(inputs: torch.Tensor) -> float:
    return float(inputs.abs().max())


def run_codes(compiled: CompiledNetwork, inputs: torch.Tensor, chosen: list[int], instance=FIRST) -> torch.Tensor:
    chip = bring_up(compiled, instance, {"v0": inputs})
    ticks = input_ticks(inputs, full_scale(inputs), compiled.chip.timing)
    keys = noise_keys(instance, [f"utterance {i}" for i in chosen])
    return chip.engine().run({"v0": ticks[chosen]}, keys)["l2"][0]


def test_an_utterance_gives_the_same_bits_in_any_batch_and_order():
    compiled, inputs = make("nature2023", Encoding.AB)
    everything = list(range(64))
    whole = run_codes(compiled, inputs, everything)
    for chosen in ([5], [9, 3, 60, 1, 2, 33, 4], everything[::-1]):
        assert torch.equal(run_codes(compiled, inputs, chosen), whole[chosen])


def test_instances_and_seeds_differ():
    compiled, inputs = make("nature2023", Encoding.AB)
    codes = [run_codes(compiled, inputs, [0, 1, 2], i) for i in (Instance(0), Instance(0, 1), Instance(1))]
    assert not torch.equal(codes[0], codes[1])
    assert not torch.equal(codes[0], codes[2])


def test_calibration_brings_the_chip_closer_to_the_software():
    compiled, inputs = make("nature2023", Encoding.PCM4)

    def error(calibrate: bool) -> float:
        total = 0.0
        for number in range(3):
            chip = bring_up(compiled, Instance(0, number), {"v0": inputs}, "auto" if calibrate else "none")
            ticks = input_ticks(inputs, full_scale(inputs), compiled.chip.timing)
            codes = chip.engine().run({"v0": ticks}, None)["l2"][0]
            ramp = chip.calibration.ramps[compiled.mapping.groups_of("l2")[0].index]
            values = chip.calibration.ranges["l2"].values(codes * 256, ramp, chip.calibration.gains["l2"])
            total += float((values - software(compiled.graph, inputs)).pow(2).mean())
        return total

    assert error(True) < 0.8 * error(False)


def test_save_and_load_round_trip(tmp_path: Path):
    compiled, _ = make("nature2023", Encoding.AB)
    compiled.save(tmp_path / "net")
    compiled.save(tmp_path / "net")
    loaded = load_compiled(tmp_path / "net")
    for name in ("chip", "mapping", "placement", "routing", "ranges", "microcode", "ramps"):
        assert getattr(loaded, name) == getattr(compiled, name)
    assert all(torch.equal(loaded.graph.weights[n], w) for n, w in compiled.graph.weights.items())
    assert [p.name for p in tmp_path.iterdir()] == ["net"]


@pytest.mark.parametrize("damage", ["missing", "weights", "json", "format", "foreign"])
def test_a_damaged_directory_is_refused_and_named(tmp_path: Path, damage: str):
    compiled, _ = make("nature2023", Encoding.AB)
    folder = tmp_path / "net"
    if damage == "foreign":
        folder.mkdir()
        (folder / "precious.txt").write_text("keep")
        with pytest.raises(InputError, match="no folder of pcmesh"):
            compiled.save(folder)
        assert (folder / "precious.txt").read_text() == "keep"
        return
    compiled.save(folder)
    if damage == "missing":
        (folder / "routed" / "routing.json").unlink()
    elif damage == "weights":
        (folder / "routed" / "weights.safetensors").write_bytes(b"not safetensors")
    elif damage == "json":
        (folder / "routed" / "mapping.json").write_text("{}")
    else:
        text = (folder / "manifest.json").read_text().replace('"format": 3', '"format": 99')
        (folder / "manifest.json").write_text(text)
    with pytest.raises(InputError, match="net"):
        load_compiled(folder)
