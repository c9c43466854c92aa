"""Spoilt files, two hundred of most kinds: each works with the same figures as what it says, or is one clear error."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcmesh.cli import main
from pcmesh.errors import PcmeshError
from pcmesh.files.reading import read_text
from pcmesh.hardware import ChipSpec, load_chip
from pcmesh.microcode import ControllerProgram, Microcode, assemble, disassemble
from pcmesh.pipeline import compile_network
from pcmesh.speech.audio import load_audio
from pcmesh.speech.corpora import list_manifest, list_utterances
from pcmesh.speech.layouts import list_clips
from pcmesh.workloads.rnnt.checkpoint import read_checkpoint, save_network
from pcmesh.workloads.rnnt.compiled.speech_load import LoadOptions, speech_load
from tests.machines import small_chip
from tests.mutations import mutated
from tests.networks import chain
from tests.workloads.rnnt.networks import random_network, random_state

fuzz = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

CHIP = (resources.files("pcmesh.hardware") / "presets" / "nature2023.toml").read_bytes()
SMALL_CHIP = b'base = "ideal"\n[tile]\nrows = 64\ncolumns = 32\n[column]\nnoise_mv = 0.2\n[pcm]\ng_max_us = 20.0\n'
PROGRAM = b"""frame:  ; one frame
  mesh north=out north_even=on north_odd=on wait=4
  array integrate=on rows=512 wp1=on polarity=minus bias_ns=-0
  conversion ramp=on slope=77 zero=-12
  loop to=frame count=3
  send address=3 part=negative wait=256
  jump to=frame wait=2
"""
CLIPS = b"path,label,speaker,split\nyes/a.wav,yes,s1,test\nno/b.wav,no,s2,train\nx/c.flac,house,s3,validation\n"
TRANSCRIPTS = b"84-1-0000 GO DO YOU HEAR\n84-1-0001 IT'S ENOUGH\n"
TABLE = b"path\ttext\n84-1-0000.wav\tGo, do you hear?\n84-1-0001.wav\tIt's enough\n"
ROW = {"transcript": "go do", "files": [{"fname": "d/1.wav", "speed": 1}], "original_duration": 2.5}
MANIFEST = json.dumps([ROW, ROW | {"transcript": "you hear"}]).encode()
DECODED = json.dumps(
    {"utterances": [{"duration_s": 1.5, "feature_frames": 50, "encoder_frames": 25, "letter_frames": [1, 1, 7]}]}
).encode()


def spoilt(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@fuzz
@given(content=mutated(CHIP) | mutated(SMALL_CHIP))
def test_chip_files(content: bytes, tmp_path: Path) -> None:
    with contextlib.suppress(PcmeshError):
        chip = load_chip(spoilt(tmp_path, "chip.toml", content))
        assert ChipSpec.model_validate_json(chip.model_dump_json()) == chip


@settings(fuzz, max_examples=50)
@given(content=mutated(SMALL_CHIP))
def test_networks_on_the_chips_of_such_files(content: bytes, tmp_path: Path) -> None:
    with contextlib.suppress(PcmeshError):
        chip = load_chip(spoilt(tmp_path, "chip.toml", content))
        compiled = compile_network(chain((40, 24, 8)), chip)
        assert compiled.chip == chip


@fuzz
@given(content=mutated(PROGRAM))
def test_microcode_as_text(content: bytes, tmp_path: Path) -> None:
    with contextlib.suppress(PcmeshError):
        program = assemble(read_text(spoilt(tmp_path, "program.asm", content)))
        assert assemble(disassemble(program)) == program
        assert ControllerProgram.of(program).instructions == program


@pytest.fixture(scope="module")
def microcode() -> Microcode:
    return compile_network(chain((40, 24, 8)), small_chip()).microcode


@fuzz
@given(data=st.data())
def test_microcode_as_words(data: st.DataObject, microcode: Microcode, tmp_path: Path) -> None:
    text = microcode.model_dump_json().encode()
    with contextlib.suppress(PcmeshError):
        found = Microcode.load(spoilt(tmp_path, "microcode.json", data.draw(mutated(text))))
        found.verify(small_chip())
        for chip in found.chips:
            for _, program in chip.programs:
                assert ControllerProgram.of(program.instructions).words == program.words


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("manifest.csv", CLIPS, lambda path: list_clips(path.parent, "all")),
        ("84-1.trans.txt", TRANSCRIPTS, lambda path: list_utterances(path.parent)),
        ("said.tsv", TABLE, lambda path: list_utterances(path.parent)),
        ("dev.json", MANIFEST, list_manifest),
        ("perf.json", MANIFEST, lambda path: speech_load(LoadOptions(manifest=path))),
        ("decoded.json", DECODED, lambda path: speech_load(LoadOptions(decoded=path))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_manifests(name: str, content: bytes, read: Callable[[Path], Any], tmp_path: Path) -> None:
    for number in (0, 1):
        soundfile.write(tmp_path / f"84-1-000{number}.wav", np.zeros(1_600), 16_000)

    @fuzz
    @given(content=mutated(content))
    def check(content: bytes) -> None:
        with contextlib.suppress(PcmeshError):
            read(spoilt(tmp_path, name, content))

    check()


@pytest.mark.parametrize("kind", ["WAV", "W64", "RF64", "AIFF", "AU", "CAF", "FLAC"])
def test_sound_files(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 400).astype(np.float32), 16_000, format=kind)
    content = path.read_bytes()

    @settings(fuzz, max_examples=60)
    @given(content=mutated(content))
    def check(content: bytes) -> None:
        with contextlib.suppress(PcmeshError):
            assert bool(load_audio(spoilt(tmp_path, "a.bin", content)).isfinite().all())

    check()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_checkpoints(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rnnt{suffix}"
    save_network(random_network(), path)
    content, right = path.read_bytes(), random_state()

    @settings(fuzz, max_examples=25)
    @given(content=mutated(content))
    def check(content: bytes) -> None:
        with contextlib.suppress(PcmeshError):
            found = read_checkpoint(spoilt(tmp_path, path.name, content))
            assert found.keys() == right.keys()
            assert all(bool(torch.isfinite(value).all()) for value in found.values())

    check()


@settings(fuzz, max_examples=30)
@given(content=mutated(PROGRAM))
def test_one_line_and_exit_2_on_the_command_line(content: bytes, tmp_path: Path) -> None:
    path = spoilt(tmp_path, "program.asm", content)
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as errors:
        code = _run("asm", str(path))
    if code == 0:
        assert ControllerProgram(words=tuple(out.getvalue().split())).instructions == assemble(
            path.read_text("utf-8-sig")
        )
    else:
        assert (code, out.getvalue()) == (2, "")
        assert errors.getvalue().startswith("error: ")
        assert len(errors.getvalue().splitlines()) == 1
        assert len(errors.getvalue()) < 2_000


def _run(*arguments: str) -> object:
    before, sys.argv = sys.argv, ["pcmesh", *arguments]
    try:
        main()
    except SystemExit as stopped:
        return stopped.code or 0
    finally:
        sys.argv = before
    return 0
