"""Google Speech Commands as users have it, read into a `SpeechSet`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from pcmesh.speech.audio import SAMPLE_RATE_HZ, load_audio
from pcmesh.speech.front_ends.keywords import CLIP_SAMPLES, fit_to_clip
from pcmesh.speech.layouts import Clip, list_clips
from pcmesh.speech.types import KEYWORD_CLASSES, SpeechSet, Split


def load_speech_commands(root: str | Path, split: Split = "test") -> SpeechSet:
    """Read the clips of a split for the twelve classes of `KEYWORD_CLASSES`.

    Three layouts are known. A folder with a `manifest.csv` (path,label,speaker,split): it is obeyed. The 12 folders of
    `speech_commands_test_set`: all of it is test. The 35 folders of the full data set with `_background_noise_`: split
    by `testing_list.txt` and `validation_list.txt` or, without them, by the hash of the names; `_unknown_` is a fixed
    sample of the other words and `_silence_` is cut from the background noise, each as many as a keyword has.

    Args:
        root: the folder.
        split: `train`, `validation`, `test` or `all`.

    Returns:
        clips of one second: a shorter one gets zeros at both ends, of a longer one the loudest second is kept.

    Raises:
        InputError: no such folder, none of the twelve words in it, no clips in the split, or a clip that cannot be read
            (named).
    """
    folder = Path(root)
    clips = list_clips(folder, split)
    waves = torch.empty(len(clips), CLIP_SAMPLES)
    for row, clip in zip(waves, clips, strict=True):
        row.copy_(_read(clip))
    return SpeechSet(
        waves=waves,
        labels=torch.tensor([KEYWORD_CLASSES.index(clip.label) for clip in clips]),
        utterance_ids=tuple(clip.utterance_id for clip in clips),
        class_names=KEYWORD_CLASSES,
        kind="real",
        source=f"{folder}, split {split}",
    )


def load_recording(path: str | Path) -> SpeechSet:
    """Read one recording of any length as a set of one utterance, labelled `_unknown_` for want of a label."""
    file = Path(path)
    return SpeechSet(
        waves=fit_to_clip(load_audio(file))[None],
        labels=torch.tensor([KEYWORD_CLASSES.index("_unknown_")]),
        utterance_ids=(file.name,),
        class_names=KEYWORD_CLASSES,
        kind="real",
        source=str(file),
    )


def _read(clip: Clip) -> Tensor:
    if clip.start_s is None:
        return fit_to_clip(load_audio(clip.path))
    start = round(clip.start_s * SAMPLE_RATE_HZ)
    return fit_to_clip(_background(clip.path)[start : start + CLIP_SAMPLES])


@lru_cache(maxsize=8)
def _background(path: Path) -> Tensor:
    return load_audio(path)
