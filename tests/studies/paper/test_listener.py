"""Claims about word errors: with a checkpoint and recordings they are measured, without they only stand beside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import soundfile
import torch

from pcmesh.reporting.drawings.paper_figures import draw
from pcmesh.speech.audio import SAMPLE_RATE_HZ
from pcmesh.studies.paper import listener as listening
from pcmesh.studies.paper.answers import transducer
from pcmesh.studies.paper.experiments import Experiments, PaperOptions
from pcmesh.studies.paper.figures import speech
from pcmesh.studies.paper.listener import Listener
from pcmesh.workloads.rnnt.checkpoint import save_network
from pcmesh.workloads.rnnt.widths import RnntWidths
from tests.workloads.rnnt.networks import random_network

WIDTHS = RnntWidths(encoder=24, prediction=12, joint=20)


@pytest.fixture(scope="module", autouse=True)
def few_bits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listening, "BITS", (4.0, 8.0))
        yield


@pytest.fixture(scope="module")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> Experiments:
    folder = tmp_path_factory.mktemp("speech")
    checkpoint = folder.parent / "network.safetensors"
    save_network(random_network(WIDTHS), checkpoint)
    lines = []
    for number in range(3):
        wave = torch.randn(6000 + 1500 * number, generator=torch.Generator().manual_seed(number)).numpy() * 0.1
        soundfile.write(folder / f"{number}.wav", wave, SAMPLE_RATE_HZ)
        lines.append(f"{number}.wav\tsome words")
    (folder / "all.tsv").write_text("\n".join(lines), encoding="utf-8")
    made = Experiments(PaperOptions(checkpoint=checkpoint, librispeech=folder), work=folder.parent / "work")
    assert made.published is not None
    made.published.training = made.published.recordings[0].features
    return made


def _published(experiments: Experiments) -> Listener:
    assert experiments.published is not None
    return experiments.published


def test_given_files_are_measured_in_software_and_on_chips(experiments: Experiments) -> None:
    software = transducer.ANSWERS[31](experiments)
    assert software.how == "computed"
    assert software.ours == _published(experiments).word_error_rate
    assert "3 recordings" in software.note
    chips = transducer.ANSWERS[51](experiments)
    assert chips.how == "simulated"
    assert isinstance(chips.ours, float)


def test_the_ranking_names_three_layers_as_the_paper_writes_them(experiments: Experiments) -> None:
    ranking = transducer.ranking(_published(experiments))
    assert isinstance(ranking, str)
    names = ranking.split(", ")
    assert len(set(names)) == 3
    assert set(names) <= {"joint-FC", "Enc-FC", "Dec-FC", "Dec-Emb"} | {
        f"{block}-LSTM{n}" for block, count in (("Enc", 5), ("Dec", 2)) for n in range(count)
    }


def test_without_files_long_claims_wait_and_say_for_what() -> None:
    found = transducer.ANSWERS[51](Experiments(PaperOptions()))
    assert (found.ours, found.how, found.also) == (None, "needs data", ())
    assert "--checkpoint" in found.note


def test_chip_runs_are_kept(experiments: Experiments, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _published(experiments)
    study = first.study
    assert [len(one["layers"]) for one in study["conditions"]] == [1] * 9 + list(range(1, 10)) + [9]
    assert [one["time_s"] for one in study["conditions"]] == [0.0] * 18 + [604_800.0]
    monkeypatch.setattr(listening, "evaluate_on_chip", lambda *_: pytest.fail("computed again"))
    again = Listener(first.checkpoint, first.data, first.utterances, first.chips, first.seed, first.chip, first.work)
    assert again.study == study
    assert transducer.ANSWERS[58](experiments).ours == transducer.worst(again)
    assert f"of {first.chips} chips" in transducer.agreement(again)


def test_figures_of_word_errors_are_made_of_the_same_runs(experiments: Experiments) -> None:
    study = _published(experiments).study
    made = speech.alone(experiments), speech.cumulative(experiments), speech.after_a_week(experiments)
    assert [len(draw(data)) for data in made] == [2, 2, 2]
    alone, growing = (data["parts"][0] for data in made[:2])
    assert alone["names"] == [one["layers"][0] for one in study["conditions"][:9]]
    assert growing["names"][1] == "+ enc-lstm1"
    assert growing["means"][8] == pytest.approx(100 * study["conditions"][-2]["wer"]["mean"])
    assert growing["names"][9].startswith("all, expanded")
    nats = made[2]["parts"][1]
    assert nats["values"][1] == study["conditions"][-1]["nats_per_letter"]["per_chip"]
    shown = speech.sentences(experiments)
    assert shown["of"] == len(shown["utterances"]) == 3
    assert "3 recordings" in speech.described(experiments)


def test_enc_lstm0_is_copied_expanded_and_made_coarse(experiments: Experiments) -> None:
    chips, coarse = speech.copies_and_expansion(experiments), speech.coarse(experiments)
    assert {name: curve[0] for name, curve in chips["curves"].items()} == {
        "copies": [240, 480, 960],
        "weight expansion": [480, 1024],
    }
    assert [curve[0] for curve in coarse["curves"].values()] == [[240, 256, 320, 512, 768, 1024]] * 2
    parts = speech.bits(experiments), speech.product_errors(experiments), speech.spreads(experiments)
    assert all(draw(data) for data in (chips, coarse, *parts))
