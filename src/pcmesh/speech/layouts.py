"""How Google Speech Commands lies on disk: three layouts, each listed as clips of a split.

Source: P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209 (2018);
the hash split is that data set's `which_set`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from pcmesh.errors import InputError
from pcmesh.files.reading import read_csv, read_text
from pcmesh.random import numpy_generator
from pcmesh.speech.audio import SAMPLE_RATE_HZ
from pcmesh.speech.sound_files import audio_files, recording_s
from pcmesh.speech.types import KEYWORD_CLASSES, KEYWORDS, SILENCE, SPLITS, UNKNOWN, Split

BACKGROUND_NOISE = "_background_noise_"
_SPLIT_SHARES: dict[str, tuple[float, float]] = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
_MOST_CLIPS_PER_WORD = 2**27 - 1


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One second to be read: a file, its class, and where it begins (in seconds; None for the whole file)."""

    utterance_id: str
    path: Path
    label: str
    start_s: float | None = None


def list_clips(root: Path, split: Split) -> list[Clip]:
    """Return the clips of a split in a stable order (class by class, then by name; a manifest's own order).

    Raises:
        InputError: no such folder, no folder of the twelve words in it, a faulty manifest, or a split without clips.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder", "Give the folder of Google Speech Commands")
    if split not in SPLITS:
        raise InputError(f"there is no split {split!r}", f"Choose one of {', '.join(SPLITS)}")
    if (root / "manifest.csv").is_file():
        clips, layout = _list_manifest(root, split), "by its manifest.csv"
    elif not any((root / name).is_dir() for name in KEYWORD_CLASSES):
        raise InputError(
            f"{root}: has none of the folders {', '.join(KEYWORD_CLASSES)}",
            "Give the folder that holds one folder for each word",
        )
    elif (root / UNKNOWN).is_dir() or (root / SILENCE).is_dir():
        clips, layout = _list_test_set(root, split), "12 folders, all of them test"
    else:
        clips, layout = _list_words(root, split), "one folder for each word"
    if not clips:
        raise InputError(f"{root}: no clips in the split {split!r} ({layout})", "Choose another split, or 'all'")
    return clips


def official_split(file_name: str) -> Split:
    """Return the split of a clip by the data set's own rule: the SHA-1 of the name before `_nohash_`."""
    speaker = re.sub(r"_nohash_.*$", "", file_name)
    number = int(hashlib.sha1(speaker.encode(), usedforsecurity=False).hexdigest(), 16)
    percentage = (number % (_MOST_CLIPS_PER_WORD + 1)) * (100.0 / _MOST_CLIPS_PER_WORD)
    if percentage < 10:
        return "validation"
    return "test" if percentage < 20 else "train"


def _list_manifest(root: Path, split: Split) -> list[Clip]:
    manifest = root / "manifest.csv"
    clips = []
    for line, row in read_csv(manifest, ("path", "label", "split")):
        if row["split"] not in SPLITS[:3]:
            raise InputError(
                f"{manifest}, line {line}: unknown split {row['split']!r}", "Write train, validation or test"
            )
        if split in (row["split"], "all"):
            label = row["label"] if row["label"] in KEYWORD_CLASSES else UNKNOWN
            clips.append(Clip(utterance_id=row["path"], path=root / row["path"], label=label))
    return clips


def _list_test_set(root: Path, split: Split) -> list[Clip]:
    if split not in ("test", "all"):
        return []
    return [_clip(root, file, label) for label in KEYWORD_CLASSES for file in _audio_files(root / label)]


def _list_words(root: Path, split: Split) -> list[Clip]:
    chosen = _SplitOfWords(root)
    keywords = [
        _clip(root, file, label)
        for label in KEYWORDS
        for file in _audio_files(root / label)
        if split in (chosen(root, file), "all")
    ]
    if not keywords:
        return []
    count = round(len(keywords) / len({clip.label for clip in keywords}))
    others = sorted(
        folder for folder in root.iterdir() if folder.is_dir() and folder.name not in (*KEYWORDS, BACKGROUND_NOISE)
    )
    unknown = [
        _clip(root, file, UNKNOWN)
        for folder in others
        for file in _audio_files(folder)
        if split in (chosen(root, file), "all")
    ]
    sample = sorted(unknown, key=lambda clip: hashlib.sha1(clip.utterance_id.encode()).digest())[:count]
    return [*_cut_silence(root, split, count), *sorted(sample, key=lambda clip: clip.utterance_id), *keywords]


class _SplitOfWords:
    """The split of a clip by the two lists of the data set, or by the hash of its name where they are missing."""

    def __init__(self, root: Path) -> None:
        files = {name: root / f"{name}_list.txt" for name in ("testing", "validation")}
        self.by_list = all(file.is_file() for file in files.values())
        self.testing, self.validation = (
            set(read_text(file).split()) if self.by_list else set() for file in files.values()
        )

    def __call__(self, root: Path, file: Path) -> Split:
        if not self.by_list:
            return official_split(file.name)
        name = file.relative_to(root).as_posix()
        if name in self.testing:
            return "test"
        return "validation" if name in self.validation else "train"


def _cut_silence(root: Path, split: Split, count: int) -> list[Clip]:
    """Cut `count` seconds out of the background recordings; each split has its own stretch of each recording."""
    files = _audio_files(root / BACKGROUND_NOISE)
    if not files:
        return []
    generator = numpy_generator(0, "data", "silence", split)
    first, last = _SPLIT_SHARES.get(split, (0.0, 1.0))
    clips = []
    for number in range(count):
        file = files[number % len(files)]
        length_s = recording_s(file)
        latest = max(length_s * last - 1.0, length_s * first)
        start_s = round(float(generator.uniform(length_s * first, latest)) * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
        name = f"{file.relative_to(root).as_posix()}@{start_s:.4f}s"
        clips.append(Clip(utterance_id=name, path=file, label=SILENCE, start_s=start_s))
    return clips


def _audio_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(audio_files(folder.iterdir()))


def _clip(root: Path, file: Path, label: str) -> Clip:
    return Clip(utterance_id=file.relative_to(root).as_posix(), path=file, label=label)
