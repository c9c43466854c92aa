from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter

import pytest
import torch

from pcmesh.errors import InputError
from pcmesh.speech.types import KEYWORD_CLASSES
from pcmesh.speech.voices.espeak import speak
from pcmesh.speech.voices.synthesis import synthesise_keywords, voices_of_split

COUNT = 48


def digest(seed: int) -> str:
    return hashlib.sha1(synthesise_keywords(COUNT, "test", seed).waves.numpy().tobytes()).hexdigest()


def test_utterances_are_audible_and_balanced() -> None:
    speech = synthesise_keywords(COUNT, "validation", seed=3)
    assert speech.waves.shape == (COUNT, 16_000)
    assert speech.kind == "synthetic"
    assert Counter(speech.labels.tolist()) == dict.fromkeys(range(len(KEYWORD_CLASSES)), 4)
    assert bool((speech.waves.abs().amax(1) > 1e-5).all())
    assert float(speech.waves.abs().max()) < 1.5


def test_the_same_seed_gives_the_same_samples_in_another_process() -> None:
    code = (
        "import hashlib; from pcmesh.speech.voices.synthesis import synthesise_keywords as s;"
        f"print(hashlib.sha1(s({COUNT}, 'test', 5).waves.numpy().tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    speak("something else before", "en-us+m3")
    assert digest(5) == other
    assert digest(6) != other


def test_fewer_utterances_are_the_first_of_more() -> None:
    few, many = synthesise_keywords(7), synthesise_keywords(30)
    assert torch.equal(few.waves, many.waves[:7])
    assert few.utterance_ids == many.utterance_ids[:7]


def test_no_speaker_is_in_two_splits() -> None:
    speakers = {
        split: {voice.partition("+")[2] for voice in voices_of_split(split)}  # type: ignore[arg-type]
        for split in ("train", "validation", "test")
    }
    assert all(len(names) >= 3 for names in speakers.values())
    assert not speakers["train"] & speakers["test"]
    assert not speakers["train"] & speakers["validation"]
    assert not speakers["validation"] & speakers["test"]


def test_the_global_generators_are_left_alone() -> None:
    before = torch.get_rng_state()
    synthesise_keywords(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        synthesise_keywords(0)
    with pytest.raises(InputError, match="'all'"):
        synthesise_keywords(3, "all")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no voice"):
        speak("yes", "no-such-voice+x9")
