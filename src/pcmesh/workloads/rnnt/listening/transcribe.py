"""From recordings to text by the RNN-T in software (float32)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from torch import Tensor

from pcmesh.errors import InputError
from pcmesh.progress import Progress
from pcmesh.speech.audio import load_audio
from pcmesh.speech.front_ends.rnnt import FEATURES, rnnt_features
from pcmesh.speech.sound_files import recording_s
from pcmesh.speech.transcripts import ALPHABET, to_text
from pcmesh.workloads.rnnt.checkpoint import load_network
from pcmesh.workloads.rnnt.listening.recognition import LANES, Recognised, recognise
from pcmesh.workloads.rnnt.network import RnntNetwork

SHIPPED = "rnnt-small.safetensors"
"""The network that ships: docs/rnnt.md and the model card beside it say what it can do."""

HARDWARE_AWARE = Path("hardware-aware")
"""What stands for the shipped network that was retrained for the chip."""


@dataclass(frozen=True)
class Transcript:
    """What the network wrote for one recording."""

    path: Path
    duration_s: float
    recognised: Recognised

    @property
    def text(self) -> str:
        """The letters as text."""
        return to_text(self.recognised.labels)

    def as_json(self) -> dict[str, object]:
        """Return the result as plain data; docs/rnnt.md describes its keys."""
        return {
            "file": str(self.path),
            "text": self.text,
            "tokens": list(self.recognised.labels),
            "letter_frames": list(self.recognised.letter_frames),
            "duration_s": self.duration_s,
            "feature_frames": self.recognised.feature_frames,
            "encoder_frames": self.recognised.encoder_frames,
            "prediction_calls": self.recognised.prediction_calls,
        }


def load_speech_network(checkpoint: Path | None) -> RnntNetwork:
    """Return a network that reads this front end and writes this alphabet.

    Args:
        checkpoint: a file; `HARDWARE_AWARE` for the network that ships retrained for the chip; None for the plain one.

    Raises:
        InputError: the file cannot be used (`read_checkpoint`), or has other inputs or labels.
    """
    if checkpoint is None or checkpoint == HARDWARE_AWARE:
        folder = files("pcmesh.workloads.rnnt") / "weights"
        with as_file((folder if checkpoint is None else folder / "hardware_aware") / SHIPPED) as shipped:
            return load_network(shipped)
    network = load_network(checkpoint)
    for name, size, wanted in (
        ("features", network.widths.features, FEATURES),
        ("letters", network.widths.labels, len(ALPHABET)),
    ):
        if size != wanted:
            raise InputError(f"{checkpoint}: its network has {size} {name}, speech {wanted}", "Give another checkpoint")
    return network


def load_features(path: Path) -> Tensor:
    """Return the features (T, 240) of a recording; InputError names a file that cannot be read or is too short."""
    return rnnt_features(load_audio(path), str(path))


def transcribe(
    network: RnntNetwork, paths: Sequence[Path], report: Progress, durations_s: Sequence[float] | None = None
) -> list[Transcript]:
    """Return the transcript of each recording, in order; each is the same in any company.

    Args:
        network: from `load_speech_network`.
        paths: recordings in any format, rate and number of channels.
        report: is told the progress.
        durations_s: lengths where they are known; those of like length are computed together.

    Raises:
        InputError: a recording cannot be read or is shorter than two frames (named).
    """
    lengths_s = [recording_s(path) for path in paths] if durations_s is None else durations_s
    order = sorted(range(len(paths)), key=lambda position: -lengths_s[position])
    if order:
        load_features(paths[order[-1]])  # the shortest: one too short is refused before the work, not after it
    found: dict[int, Transcript] = {}
    report("transcribing", 0, len(order))
    for start in range(0, len(order), LANES):
        block = order[start : start + LANES]
        results = recognise(network, [load_features(paths[position]) for position in block])
        for position, recognised in zip(block, results, strict=True):
            found[position] = Transcript(paths[position], lengths_s[position], recognised)
        report("transcribing", len(found), len(order))
    return [found[position] for position in range(len(paths))]
