"""Checkpoints: both formats, old and new keys, widths from shapes, and faults that are named."""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from pcmesh.errors import InputError, Notice
from pcmesh.workloads.rnnt import RnntWidths
from pcmesh.workloads.rnnt.checkpoint import (
    FRONT_END_KEYS,
    load_network,
    read_checkpoint,
    save_network,
    write_checkpoint,
)
from pcmesh.workloads.rnnt.compiled.graph import rnnt_graph
from tests.workloads.rnnt.networks import SMALL, random_network, random_state

OTHER = RnntWidths(features=24, encoder=10, stack=3, prediction=7, joint=9, labels=5)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("widths", [SMALL, OTHER], ids=["small", "other"])
def test_a_network_is_the_same_after_writing_and_reading(tmp_path: Path, suffix: str, widths: RnntWidths) -> None:
    network = random_network(widths)
    path = tmp_path / f"rnnt{suffix}"
    save_network(network, path)
    loaded = load_network(path)
    assert loaded.widths == widths
    assert not loaded.training
    assert same(loaded.state_dict(), network.state_dict())
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("shape", [(1, 80, 257), (80, 257)])
def test_the_published_file_is_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Old torch format, further entries beside the weights, front-end tensors of any shape."""
    state = random_state() | dict(zip(FRONT_END_KEYS, (torch.zeros(shape), torch.zeros(320)), strict=True))
    path = tmp_path / "rnnt.pt"
    saved = {"epoch": 100, "state_dict": state, "optimizer": {"lr": 0.1}}
    torch.save(saved, path, _use_new_zipfile_serialization=False)
    assert same(read_checkpoint(path), random_state())


def test_state_at_top_level_and_under_todays_names_is_read(tmp_path: Path) -> None:
    torch.save(random_network().state_dict(), tmp_path / "rnnt.pt")
    assert same(read_checkpoint(tmp_path / "rnnt.pt"), random_state())


def test_what_is_written_for_torch_is_what_the_reference_deletes_and_renames(tmp_path: Path) -> None:
    write_checkpoint(random_state(), tmp_path / "rnnt.pt")
    state = torch.load(tmp_path / "rnnt.pt", weights_only=True)["state_dict"]
    assert {key: tuple(state[key].shape) for key in FRONT_END_KEYS} == {
        FRONT_END_KEYS[0]: (1, 80, 257),
        FRONT_END_KEYS[1]: (320,),
    }
    assert {key for key in state if key.startswith("joint")} == {
        f"joint_net.{n}.{part}" for n in (0, 3) for part in ("weight", "bias")
    }


def test_halves_keep_their_type_and_compute_as_float32(tmp_path: Path) -> None:
    halves = {key: value.half() for key, value in random_state().items()}
    write_checkpoint(halves, tmp_path / "rnnt.safetensors")
    assert same(read_checkpoint(tmp_path / "rnnt.safetensors"), halves)
    assert {p.dtype for p in load_network(tmp_path / "rnnt.safetensors").parameters()} == {torch.float32}


def test_a_checkpoint_gives_the_weights_of_the_graph(tmp_path: Path) -> None:
    save_network(random_network(), tmp_path / "rnnt.pt")
    weights = read_checkpoint(tmp_path / "rnnt.pt")
    graph = rnnt_graph(load_network(tmp_path / "rnnt.pt"))
    assert torch.equal(graph.weights["enc-lstm1-wh"], weights["encoder.pre_rnn.lstm.weight_hh_l1"].T)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("key", sorted(random_state()))
def test_every_tensor_that_is_missing_or_misshapen_is_named(tmp_path: Path, key: str) -> None:
    path = tmp_path / "rnnt.safetensors"
    state = random_state()
    missing = {name: value for name, value in state.items() if name != key}
    safetensors.torch.save_file(missing, path)
    assert f"lacks '{key}'." in refused(path)
    for dimension in range(state[key].dim()):
        if (key, dimension) == ("encoder.pre_rnn.lstm.weight_ih_l0", 1):
            continue  # any number of features is a network
        wrong = torch.cat((state[key], state[key].narrow(dimension, 0, 3)), dimension)
        safetensors.torch.save_file(state | {key: wrong}, path)
        assert f"'{key}' is {tuple(wrong.shape)}, not {tuple(state[key].shape)}" in refused(path)


def test_keys_that_do_not_belong_are_named(tmp_path: Path) -> None:
    torch.save({"state_dict": random_state() | {"encoder.norm.weight": torch.ones(3)}}, tmp_path / "rnnt.pt")
    assert "holds the unknown key 'encoder.norm.weight'." in refused(tmp_path / "rnnt.pt")
    torch.save({"state_dict": {"classifier.weight": torch.ones(3)}}, tmp_path / "rnnt.pt")
    assert "lacks 'encoder.post_rnn.lstm.bias_hh_l0' and 32 more." in refused(tmp_path / "rnnt.pt")
    twice = random_state() | {"joint.net.0.bias": torch.ones(20)}
    torch.save(twice, tmp_path / "rnnt.pt")
    assert "'joint_net.0.bias' under its old and its new name" in refused(tmp_path / "rnnt.pt")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.full((20,), torch.nan), "NaN or infinite"),
        (torch.ones(20, dtype=torch.int64), "torch.int64, not floating-point"),
        (torch.ones(20, 1), "(20, 1), not of 1 dimensions"),
        (torch.ones(0), "(0,), not of 1 dimensions"),
        ("text", "is str, not floating-point"),
    ],
)
def test_values_that_do_not_fit_are_named(tmp_path: Path, value: Any, words: str) -> None:
    torch.save({"state_dict": random_state() | {"joint_net.0.bias": value}}, tmp_path / "rnnt.pt")
    message = refused(tmp_path / "rnnt.pt")
    assert "'joint_net.0.bias'" in message
    assert words in message


class Payload:
    """Something whose unpickling runs code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("code ran",))


@pytest.mark.parametrize("how", ["pickle", "torch", "legacy"])
def test_a_free_pickle_is_refused_and_runs_nothing(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rnnt.pt"
    content = {"state_dict": random_state(), "extra": Payload()}
    if how == "pickle":
        path.write_bytes(pickle.dumps(Payload()))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "torch")
    message = refused(path)
    assert "refused as a checkpoint" in message
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"\x80\x02garbage", b"text"])
def test_files_that_are_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rnnt.pt"
    path.write_bytes(content)
    refused(path)


def test_a_cut_off_file(tmp_path: Path) -> None:
    path = tmp_path / "rnnt.pt"
    save_network(random_network(), path)
    path.write_bytes(path.read_bytes()[:-2_000])
    assert "refused as a checkpoint" in refused(path)


def test_something_else_saved_by_torch(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "rnnt.pt")
    assert "holds a list" in refused(tmp_path / "rnnt.pt")
    assert "no such file" in refused(tmp_path / "nothing.pt")


def test_names_that_say_no_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"End it in one of \.pt, \.pth, \.safetensors"):
        write_checkpoint(random_state(), tmp_path / "rnnt.bin")


def prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod.model.", "net.rnnt."])
@pytest.mark.parametrize("place", [(), ("state_dict",), ("model_state_dict",), ("model",), ("checkpoint", "model")])
def test_weights_as_training_scripts_save_them(tmp_path: Path, prefix: str, place: tuple[str, ...]) -> None:
    content: dict[str, Any] = prefixed(prefix, random_state())
    for entry in reversed(place):
        content = {entry: content, "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}}
    torch.save(content, tmp_path / "rnnt.pt")
    assert same(read_checkpoint(tmp_path / "rnnt.pt"), random_state())


def test_prefixes_in_safetensors_and_a_prefix_with_other_modules_beside(tmp_path: Path) -> None:
    content = prefixed("network.", random_state()) | {"ctc.weight": torch.ones(3)}
    safetensors.torch.save_file(content, tmp_path / "rnnt.safetensors")
    assert same(read_checkpoint(tmp_path / "rnnt.safetensors"), random_state())
    torch.save({"module.ema": torch.ones(2)} | prefixed("module.", random_state()), tmp_path / "rnnt.pt")
    assert "unknown key 'ema'" in refused(tmp_path / "rnnt.pt")


@pytest.mark.parametrize("place", ["ema_state_dict", "model_ema", "ema", "state_dict_ema", "swa_state_dict"])
def test_averaged_weights_are_taken_and_that_is_said(tmp_path: Path, place: str) -> None:
    raw = {key: torch.zeros_like(value) for key, value in random_state().items()}
    averaged = {"n_averaged": torch.tensor(9)} | prefixed("module.", random_state())
    torch.save({"state_dict": raw, place: averaged}, tmp_path / "rnnt.pt")
    with pytest.warns(Notice, match=rf"rnnt\.pt: takes the averaged weights '{place}\.module', not 'state_dict'"):
        assert same(read_checkpoint(tmp_path / "rnnt.pt"), random_state())


def test_averaged_weights_under_a_prefix_beside_the_raw_ones(tmp_path: Path) -> None:
    raw = {key: torch.zeros_like(value) for key, value in random_state().items()}
    torch.save({"state_dict": raw | prefixed("ema_model.", random_state())}, tmp_path / "rnnt.pt")
    with pytest.warns(Notice, match=r"'state_dict\.ema_model', not 'state_dict'"):
        assert same(read_checkpoint(tmp_path / "rnnt.pt"), random_state())


def test_two_networks_are_one_too_many_unless_they_are_equal(tmp_path: Path) -> None:
    other = {key: value + 1 for key, value in random_state().items()}
    torch.save({"student": random_state(), "teacher": other}, tmp_path / "rnnt.pt")
    assert "holds 2 networks (student, teacher)" in refused(tmp_path / "rnnt.pt")
    torch.save({"model": random_state(), "state_dict": random_state()}, tmp_path / "rnnt.pt")
    assert same(read_checkpoint(tmp_path / "rnnt.pt"), random_state())


def test_what_else_a_script_pickled_is_named(tmp_path: Path) -> None:
    torch.save({"state_dict": random_state(), "args": argparse.Namespace(lr=1)}, tmp_path / "rnnt.pt")
    assert "it holds argparse.Namespace, which could run code" in refused(tmp_path / "rnnt.pt")
