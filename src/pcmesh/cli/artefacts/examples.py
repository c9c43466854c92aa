"""`pcmesh examples`: files to begin with, so that the commands of README.md can be typed as they stand."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from pcmesh.cli.output import console, table
from pcmesh.cli.paths import folder_target

_SPOKEN = {"yes.wav": "yes", "hello.wav": "hello this is a test of the chip"}
_SEED = 3
_ABOUT = {
    "model.py": "make_model(): a network of 784 - 256 - 10",
    "data.py": "batches(): inputs and labels for it, made up",
    "weights.safetensors": "the weights of that network",
    "data.safetensors": "the first batch of that data",
    "another_chip.toml": "a chip that differs from nature2023 in two keys",
    "yes.wav": "a synthetic voice says a keyword",
    "hello.wav": "a synthetic voice says a sentence",
    "manifest.json": "both recordings with their transcripts, in MLPerf's format",
}


def examples(
    folder: Annotated[
        Path, typer.Argument(callback=folder_target, metavar="DIR", help="Folder to write into; made if need be.")
    ],
) -> None:
    """Write files to begin with: a network, data, a chip, and synthetic speech.

    Nothing was recorded: the speech is made when the command runs, by a synthesiser.
    """
    from pcmesh.errors import InputError
    from pcmesh.files.writing import whole_file

    there = [name for name in _ABOUT if (folder / name).exists()]
    if there:
        raise InputError(f"{folder / there[0]}: is there already", "Name another folder")
    for name, content in dict(_contents()).items():
        with whole_file(folder / name) as temporary:
            temporary.write_bytes(content)
    console().print(table(f"Written into {folder}", ("File", "What it is"), list(_ABOUT.items())))
    console().print("The speech is synthetic (espeak-ng).")


def _contents() -> Iterator[tuple[str, bytes]]:
    from safetensors.torch import save

    from pcmesh.cli.starter.data import batches
    from pcmesh.cli.starter.model import make_model

    for name in ("model.py", "data.py", "another_chip.toml"):
        yield name, (resources.files("pcmesh.cli.starter") / name).read_bytes()
    inputs, labels = next(batches())
    yield "weights.safetensors", save(make_model().state_dict())
    yield "data.safetensors", save({"inputs": inputs, "labels": labels})
    yield from _speech()


def _speech() -> Iterator[tuple[str, bytes]]:
    """Yield the recordings and their manifest."""
    import soundfile

    from pcmesh.random import numpy_generator
    from pcmesh.speech.audio import SAMPLE_RATE_HZ
    from pcmesh.speech.voices.espeak import restart
    from pcmesh.speech.voices.spoken import say_with_espeak
    from pcmesh.speech.voices.synthesis import voices_of_split

    generator, rows = numpy_generator(_SEED, "data", "examples"), []
    restart(_SEED)
    for name, text in _SPOKEN.items():
        wave, voice = say_with_espeak(text, voices_of_split("test"), generator)
        stream = io.BytesIO()
        soundfile.write(stream, 0.8 * wave / abs(wave).max(), SAMPLE_RATE_HZ, "PCM_16", format="WAV")
        yield name, stream.getvalue()
        files, made_by = [{"fname": name}], f"synthetic: {voice}"
        rows.append(
            {
                "transcript": text,
                "files": files,
                "original_duration": len(wave) / SAMPLE_RATE_HZ,
                "made_by": made_by,
            }
        )
    yield "manifest.json", (json.dumps(rows, indent=2) + "\n").encode()
