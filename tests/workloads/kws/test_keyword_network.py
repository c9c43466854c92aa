from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pcmesh.errors import InputError
from pcmesh.speech.front_ends.keywords import keyword_features
from pcmesh.speech.types import KEYWORD_CLASSES
from pcmesh.speech.voices.synthesis import synthesise_keywords
from pcmesh.workloads.kws.network import KeywordNetwork, load_keyword_network, save_keyword_network


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in load_keyword_network().state_dict().items()}


def refused(tmp_path: Path, tensors: dict[str, torch.Tensor], problem: str) -> None:
    file = tmp_path / "w.safetensors"
    save_file(tensors, file)
    with pytest.raises(InputError, match=problem) as caught:
        load_keyword_network(file)
    assert str(file) in str(caught.value)


def test_the_shipped_network_has_the_papers_shape() -> None:
    network = load_keyword_network()
    assert [tuple(layer.weight.shape) for layer in (network.layer0, network.layer1, network.layer2)] == [
        (512, 1024),
        (512, 512),
        (12, 512),
    ]
    assert all(layer.bias is None for layer in (network.layer0, network.layer1, network.layer2))
    assert max(float(parameter.detach().abs().max()) for parameter in network.parameters()) <= 1
    assert len(set(network.pixels.tolist())) == 1_024
    assert not network.training


def test_the_shipped_network_knows_synthetic_words_of_unheard_voices() -> None:
    speech = synthesise_keywords(240, "test", seed=1)
    with torch.no_grad():
        answers = load_keyword_network()(keyword_features(speech.waves)).argmax(1)
    assert float((answers == speech.labels).double().mean()) > 0.7


def test_silence_is_heard_as_silence() -> None:
    with torch.no_grad():
        answer = load_keyword_network()(keyword_features(torch.zeros(1, 16_000))).argmax(1)
    assert KEYWORD_CLASSES[int(answer)] == "_silence_"


def test_forward_is_the_three_layers_on_the_inputs() -> None:
    network = load_keyword_network()
    features = torch.randn(3, 49, 40, generator=torch.Generator().manual_seed(0)) * 5
    inputs = network.inputs(features)
    assert inputs.shape == (3, 1024)
    expected = (features.flatten(1)[:, network.pixels] - network.offset) * network.gain
    assert torch.equal(inputs, expected)
    hidden = (inputs @ network.layer0.weight.T).relu()
    hidden = (hidden @ network.layer1.weight.T).relu()
    torch.testing.assert_close(network(features), hidden @ network.layer2.weight.T)


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    network = load_keyword_network()
    save_keyword_network(network, tmp_path / "w.safetensors")
    again = load_keyword_network(tmp_path / "w.safetensors")
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_keyword_network(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("write", [lambda file: torch.save({}, file), lambda file: file.write_bytes(pickle.dumps({}))])
def test_a_pickle_is_refused_unread(tmp_path: Path, write: object) -> None:
    file = tmp_path / "w.safetensors"
    write(file)  # type: ignore[operator]
    with pytest.raises(InputError, match="pickle"):
        load_keyword_network(file)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"")
    with pytest.raises(InputError, match="not a safetensors file"):
        load_keyword_network(file)


def test_a_wrong_shape_is_named(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    refused(tmp_path, tensors | {"layer1.weight": torch.zeros(512, 128)}, r"layer1\.weight.*\(512, 128\).*\(512, 512\)")


def test_a_missing_and_an_unknown_tensor_are_named(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    refused(tmp_path, tensors | {"layer3.weight": torch.zeros(2)}, r"unknown tensor 'layer3\.weight'")
    del tensors["layer2.weight"]
    refused(tmp_path, tensors, r"lacks the tensor 'layer2\.weight' of shape \(12, 512\)")


def test_impossible_values_are_named(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    refused(tmp_path, tensors | {"layer0.weight": torch.full((512, 1024), torch.nan)}, "NaN")
    refused(tmp_path, tensors | {"layer0.weight": torch.full((512, 1024), 1.5)}, r"outside \(-1, 1\)")
    refused(tmp_path, tensors | {"pixels": torch.full((1024,), 1_960)}, "pixels")
    refused(tmp_path, tensors | {"pixels": torch.zeros(1024)}, "type")


def test_other_classes_are_refused(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    file = tmp_path / "w.safetensors"
    save_file(tensors, file, metadata={"classes": "cat,dog"})
    with pytest.raises(InputError, match="cat,dog"):
        load_keyword_network(file)


def test_classes_have_a_fixed_order() -> None:
    assert KeywordNetwork().class_names == KEYWORD_CLASSES
