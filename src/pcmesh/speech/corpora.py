"""Recordings with transcripts as they lie on disk: LibriSpeech, MLPerf's manifest, a folder with a tsv.

Source: V. Panayotov et al., "LibriSpeech: an ASR corpus based on public domain audio books", ICASSP 2015;
MLPerf inference, RNN-T reference (`dev-clean-wav.json`, at most 15 s).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pcmesh.errors import InputError
from pcmesh.files.reading import is_file, read_text, validation_problem
from pcmesh.speech.sound_files import LONGEST_S, audio_files, recording_s
from pcmesh.speech.transcripts import normalise_transcript

MLPERF_LONGEST_S = 15.0
"""The benchmark leaves out longer recordings."""

TRANSCRIPTS = ".trans.txt"


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """A recording and what is said in it.

    Attributes:
        path: the recording.
        text: the transcript in the RNN-T's alphabet.
        stated_s: its length in seconds where that is known already; None: `duration_s` looks into the file.
    """

    path: Path
    text: str
    stated_s: float | None = None

    @property
    def duration_s(self) -> float:
        """Length in seconds; InputError where the file cannot be read as audio."""
        return self.stated_s if self.stated_s is not None else recording_s(self.path)


def list_utterances(folder: Path) -> list[Utterance]:
    """Return the utterances of a folder in a stable order: of its one tsv, else of LibriSpeech's layout below it.

    Raises:
        InputError: no such folder, neither layout or several tsv; a recording without transcript, a transcript without
            recording, or one that cannot be normalised (file and line named).
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder", "Give a folder of recordings with transcripts")
    tables = sorted(folder.glob("*.tsv"))
    if len(tables) > 1:
        raise InputError(f"{folder}: holds {len(tables)} tsv files ({tables[0].name}, ...)", "Leave one of them")
    if tables:
        return list(_read_tsv(tables[0]))
    chapters = sorted(path for path in folder.rglob(f"*{TRANSCRIPTS}") if not path.name.startswith("."))
    stray = sorted({path.parent for path in _audio_below(folder)} - {path.parent for path in chapters})
    if stray or not chapters:
        raise InputError(
            f"{stray[0] if stray else folder}: has no transcripts",
            "Give LibriSpeech's layout (SPEAKER-CHAPTER.trans.txt beside the recordings) or a tsv: path<TAB>text",
        )
    return [utterance for chapter in chapters for utterance in _read_chapter(chapter)]


def list_manifest(manifest: Path, root: Path | None = None) -> list[Utterance]:
    """Return the utterances of a JSON manifest as MLPerf has it, in its order; recordings are not looked for yet.

    Args:
        manifest: a list of rows with `transcript`, `original_duration` and `files[0].fname`.
        root: the folder that `fname` is relative to; None: that of the manifest.

    Raises:
        InputError: the file cannot be read, or a row lacks something (named).
    """
    try:
        rows = _ROWS.validate_json(read_text(manifest))
    except ValidationError as error:
        raise InputError(
            f"{manifest}: no manifest of MLPerf's RNN-T ({validation_problem(error)})", "docs/rnnt.md shows a row"
        ) from error
    base = manifest.parent if root is None else root
    return [
        Utterance(
            path=base / row.files[0].fname,
            text=_normalised(row.transcript, f"{manifest}, row {number}"),
            stated_s=row.original_duration,
        )
        for number, row in enumerate(rows, start=1)
    ]


def no_longer_than(utterances: Iterable[Utterance], longest_s: float = MLPERF_LONGEST_S) -> list[Utterance]:
    """Return the utterances of at most `longest_s` seconds, with their lengths."""
    measured = (replace(utterance, stated_s=utterance.duration_s) for utterance in utterances)
    return [utterance for utterance in measured if utterance.duration_s <= longest_s]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")

    class File(BaseModel):
        fname: str = Field(min_length=1)

    transcript: str
    files: tuple[File, ...] = Field(min_length=1)
    original_duration: float = Field(gt=0, le=LONGEST_S)


_ROWS = TypeAdapter(list[_Row])


def _read_chapter(transcripts: Path) -> Iterator[Utterance]:
    spoken: dict[str, tuple[int, str]] = {}
    for number, line in _lines(transcripts):
        name, _, text = line.strip().partition(" ")
        if name:
            spoken[name] = (number, text)
    files: dict[str, Path] = {}
    for path in sorted(audio_files(transcripts.parent.iterdir())):
        if path.stem in files:
            raise InputError(f"{path}: {files[path.stem].name} has the same name", "Leave one of the two")
        files[path.stem] = path
    for name in sorted(files.keys() - spoken.keys()):
        raise InputError(f"{files[name]}: has no transcript in {transcripts.name}", f"Add a line '{name} TEXT'")
    for name, (number, text) in spoken.items():
        where = f"{transcripts}, line {number}"
        if name not in files:
            raise InputError(f"{where}: there is no recording {name}", "Put it beside the transcripts")
        yield Utterance(path=files[name], text=_normalised(text, where))


def _read_tsv(table: Path) -> Iterator[Utterance]:
    listed = set()
    for number, line in _lines(table):
        where = f"{table}, line {number}"
        name, tab, text = line.partition("\t")
        if not line.strip() or (number == 1 and name == "path"):
            continue
        path = table.parent / name
        if not tab:
            raise InputError(f"{where}: has no tab", "Write path<TAB>text")
        if path in listed:
            raise InputError(f"{where}: {name} is listed twice", "Leave one of the lines")
        if not is_file(path):
            raise InputError(f"{where}: there is no recording {name}", f"Paths are relative to {table.parent}")
        listed.add(path)
        yield Utterance(path=path, text=_normalised(text, where))
    for path in sorted(set(_audio_below(table.parent)) - listed):
        raise InputError(f"{path}: has no transcript in {table.name}", "Add its line, or move the recording away")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    return enumerate(read_text(path).splitlines(), start=1)


def _normalised(text: str, where: str) -> str:
    try:
        return normalise_transcript(text)
    except InputError as error:
        raise InputError(f"{where}: {error.problem}", error.remedy) from error


def _audio_below(folder: Path) -> Iterator[Path]:
    return audio_files(folder.rglob("*"))
