"""Arguments of the Python API: what is refused, in which words, and what passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import nn

import pcmesh
from pcmesh.analysis.evaluate import evaluate
from pcmesh.analysis.mapping_choice.candidates import Candidate, candidates
from pcmesh.analysis.mapping_choice.choose import choose
from pcmesh.analysis.sensitivity.network import network_sensitivity
from pcmesh.checks import Count, Names, Seed, Share, checked
from pcmesh.errors import ConfigurationError, PcmeshError
from pcmesh.mapping import Encoding
from pcmesh.training import NoiseConfig, hardware_aware


@checked
def example(
    *,
    seed: Seed = 0,
    share: Share = 0.1,
    chips: Count | None = None,
    pack: bool | Literal["auto"] = "auto",
    encoding: Encoding | Literal["AB"] = "AB",
    names: Names = (),
    place: str | Path = "here",
    batches: Iterable[Any] = (),
    pins: Mapping[str, Any] | None = None,
    encodings: Sequence[Encoding] = (),
    report: Callable[[str], None] = print,
) -> tuple[Any, ...]:
    return seed, share, chips, pack, encoding, names, place, batches, pins, encodings, report


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("seed", -1, "seed cannot be -1. Give a whole number from 0 to 2^63 - 1"),
        ("seed", True, "whole number"),
        ("seed", "a", "seed cannot be 'a'"),
        ("seed", 2**70, "whole number"),
        ("seed", 1.0, "whole number"),
        ("share", 2, "share cannot be 2. Give a number from 0 to less than 1"),
        ("share", float("nan"), "share cannot be nan"),
        ("share", "0.1", "number"),
        ("chips", 0, "a whole number from 1 to 2^63 - 1 or None"),
        ("pack", "nope", "True, False or 'auto'"),
        ("pack", "aut", "did you mean 'auto'"),
        ("pack", 1, "True, False or 'auto'"),
        ("encoding", "foo", "'2-PCM', '4-PCM' or 'AB'"),
        ("names", "fc1", "a list of names"),
        ("names", [1], "a list of names"),
        ("place", 5, "a text or a Path"),
        ("batches", 5, "a list or another iterable"),
        ("pins", [1], "a mapping"),
        ("encodings", "AB", "a list"),
        ("report", None, "a function"),
    ],
)
def test_what_no_annotation_allows_is_refused_in_its_words(name: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        example(**{name: value})
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{name} cannot be")
    assert "pydantic" not in str(caught.value)


def test_numbers_of_numpy_count_as_numbers_and_iterators_stay_whole() -> None:
    given = iter([1, 2])
    found = example(seed=np.int64(3), share=np.float32(0.5), batches=given, names={"a"}, encodings=tuple(Encoding))
    assert found[:2] == (3, 0.5)
    assert type(found[0]) is int
    assert list(found[7]) == [1, 2]
    assert example(share=0)[1] == 0


X = torch.randn(64, 6)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).eval()


@pytest.fixture(scope="module")
def on_chip() -> pcmesh.ChipModel:
    return pcmesh.compile(network(), X)


@pytest.mark.parametrize(
    "wrong",
    [
        {"clipped_share": 2}, {"clipped_share": float("nan")}, {"pack": "nope"}, {"seed": "a"}, {"seed": True},
        {"seed": -1}, {"seed": 2**70}, {"number": -1}, {"max_chips": 0}, {"max_chips": 1.5}, {"encoding": "foo"},
        {"encoding": None}, {"batch_dim": 7}, {"batch_dim": -1}, {"batch_dim": True}, {"capture_by": "x"},
        {"frames": 0}, {"frames": "2"}, {"layers": {"01": "AB"}}, {"layers": {"0": "3-PCM"}}, {"layers": {"0": None}},
        {"layers": "0"}, {"chip": 5}, {"chip": "nature2032"}, {"route": "yes"}, {"scale_columns": 1}, {"name": 5},
        {"calibration": 5},
    ],
    ids=str,
)  # fmt: skip
def test_compile_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(PcmeshError):
        pcmesh.compile(network(), X, **wrong)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="model cannot be a type"):
        pcmesh.compile(nn.Linear, X)
    with pytest.raises(ConfigurationError, match="folder cannot be 5"):
        pcmesh.load(5)


def test_a_pin_of_an_unknown_module_names_the_nearest() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = nn.Linear(6, 5), nn.Linear(5, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.encoder(x).relu())

    with pytest.raises(ConfigurationError, match=r"no layer 'encodr'. Did you mean 'encoder'\?"):
        pcmesh.compile(Named(), X, layers={"encodr": "AB"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1}, {"number": "1"}, {"options": {"9": "AB"}}, {"options": {"0": "C"}}, {"clipped_share": -0.1},
        {"only": "0"}, {"only": ["zero"]}, {"chip": 3},
    ],
    ids=str,
)  # fmt: skip
def test_another_chip_refuses(on_chip: pcmesh.ChipModel, wrong: dict[str, Any]) -> None:
    with pytest.raises(PcmeshError):
        on_chip.on(**wrong)


def test_times_and_folders(on_chip: pcmesh.ChipModel) -> None:
    assert on_chip.at(timedelta(days=7)).age_s == on_chip.at("1w").age_s == 604_800
    for time in (-5, float("nan"), float("inf"), True, None, timedelta(days=-1), "-1d"):
        with pytest.raises(PcmeshError):
            on_chip.at(time)
    with pytest.raises(ConfigurationError, match="expect_drift"):
        on_chip.at("1d", "yes")
    with pytest.raises(ConfigurationError, match="folder"):
        on_chip.save(None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight_sigma": float("nan")}, {"weight_sigma": float("inf")}, {"output_sigma": -1}, {"weight_limit": 0},
        {"weight_relative": "0.1"}, {"columns": 1}, {"input_levels": 2.5}, {"input_levels": -1},
    ],
    ids=str,
)  # fmt: skip
def test_noise_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        NoiseConfig(**wrong)


def test_training_evaluation_and_choosing_refuse(on_chip: pcmesh.ChipModel) -> None:
    for wrong in ({"seed": -1}, {"digital": "0"}, {"digital": ["9"]}, {"noise": 0.1}):
        with pytest.raises(ConfigurationError):
            hardware_aware(network(), **wrong)
    with pytest.raises(ConfigurationError, match="model"):
        evaluate("network", [X])
    for wrong in ({"bits": [0]}, {"bits": "8"}, {"chips": -1}, {"workers": 0}):
        with pytest.raises(ConfigurationError):
            network_sensitivity(on_chip, [X], **wrong)
    with pytest.raises(ConfigurationError, match="chips"):
        candidates(on_chip, [X], chips=0)
    found = [Candidate("head", "AB", 0.1, 1, 1.0)]
    for wrong in ({"tiles": -1}, {"loss": float("nan")}, {"least": "time"}, {"pins": {"haed": "AB"}}):
        with pytest.raises(ConfigurationError):
            choose(found, **wrong)
    with pytest.raises(ConfigurationError, match="no candidates"):
        choose([])
