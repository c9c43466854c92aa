"""Sound files of any container that libsndfile knows, decoded forward to their end."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from pcmesh.errors import InputError
from pcmesh.speech.streamed import state_length

CONVERT = "Copy it again, or convert it: ffmpeg -i FILE -ar 16000 -ac 1 FILE.wav"
AGAIN = "Copy or export the recording again"
RATES_HZ = (1_000, 1_000_000)
"""Sample rates that recordings have (assumed; telephones 8 kHz, ultrasound 500 kHz)."""
LONGEST_S = 4 * 3600.0
"""Recordings are held in memory as a whole."""

_READ = (
    ".wav .wave .flac .ogg .oga .opus .mp3 .mp2 .aif .aiff .aifc .au .snd .caf .w64 .rf64 .sph .nist .voc .avr .ircam"
)
_ANNOUNCED = ".m4a .aac .mp4 .wma .webm .amr .3gp .wv .ape .mka"
AUDIO_SUFFIXES = (*_READ.split(), *_ANNOUNCED.split())
"""What counts as a recording in a folder; libsndfile cannot read the last ten, which is then said."""

_BLOCK_SAMPLES = 2**20
_UNKNOWN_BYTES = 0x7F00_0000
"""Programs that write to a pipe state about 2 GiB (sox, arecord), 4 GiB (ffmpeg) or more instead of the length."""
_STATED = re.compile(r"^\s*(?:data|SSND|BODY|Data Size|riff|Riff size|Data length)[ :]+(\d+) \(?should be (\d+)", re.M)
_UNKNOWN_SAMPLES = 2**62
_LARGEST_PAGE = 27 + 255 + 255 * 255


def audio_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the recordings among paths; those that begin with a dot are left out."""
    return (path for path in paths if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith("."))


def decode(file: Path) -> tuple[npt.NDArray[np.float32], int]:
    """Return a recording's samples, channels averaged, and their rate in Hz.

    Raises:
        InputError: the file is missing, no audio, cut off, or has a rate or length that no recording has.
    """
    with _opened(file) as sound:
        channels, rate_hz = sound.channels, _rate_hz(file, sound)
        blocks, count = [], 0
        while len(block := sound.read(max(_BLOCK_SAMPLES // channels, 1), dtype="float32", always_2d=True)):
            blocks.append(block.mean(axis=1, dtype=np.float32))
            count += len(block)
            if count > LONGEST_S * rate_hz:
                raise InputError(f"{file}: is longer than {LONGEST_S / 3600:g} hours", "Cut it into pieces")
        _refuse_cut_off(file, sound, count)
    return np.concatenate(blocks) if blocks else np.empty(0, np.float32), rate_hz


def recording_s(file: Path) -> float:
    """Return a recording's length in seconds, from its header where that states it.

    Raises:
        InputError: as `decode`.
    """
    with _opened(file) as sound:
        stated_s = sound.frames / _rate_hz(file, sound)
        if 0 < stated_s <= LONGEST_S:
            _refuse_cut_off(file, sound, sound.frames)
            return float(stated_s)
    samples, rate_hz = decode(file)
    return len(samples) / rate_hz


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read without seeking: after each block libsndfile would fail where it does not know the length."""

    def seekable(self) -> bool:
        return False


@contextmanager
def _opened(file: Path) -> Iterator[_Forward]:
    _refuse_no_file(file)
    try:
        with ExitStack() as open_files:
            yield _open(file, open_files)
    except (soundfile.SoundFileError, RuntimeError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{file}: cannot be read as audio ({_reason(error)})", CONVERT) from error


def _open(file: Path, open_files: ExitStack) -> _Forward:
    def opened(source: Path | io.BytesIO | int) -> _Forward:
        sound = _Forward(source, closefd=not isinstance(source, int))
        open_files.callback(sound.close)
        return sound

    if _is_mpeg(file):
        return opened(open_files.enter_context(_piped(file)))
    try:
        sound = opened(file)
    except soundfile.SoundFileError:
        if (stated := state_length(file.read_bytes())) is None:
            raise
        return opened(io.BytesIO(stated))
    if sound.frames == 0 and (stated := state_length(file.read_bytes())) is not None:
        return opened(io.BytesIO(stated))
    return sound


def _is_mpeg(file: Path) -> bool:
    with file.open("rb") as stream:
        start = stream.read(3)
    return start == b"ID3" or (start[:1] == b"\xff" and start[1:2] >= b"\xe0")


@contextmanager
def _piped(file: Path) -> Iterator[int]:
    """Yield the end of a pipe that a file's content comes out of.

    From a pipe libsndfile reads MP3 to its end. From a file it guesses the length from the first frame where no header
    states it, and leaves out what is beyond: of a variable bit rate up to three quarters.
    """
    reading, writing = os.pipe()

    def feed() -> None:
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as stream:
            stream.write(file.read_bytes())

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield reading
    finally:
        os.close(reading)
        feeder.join()


def _rate_hz(file: Path, sound: soundfile.SoundFile) -> int:
    rate_hz = int(sound.samplerate)
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise InputError(
            f"{file}: states a rate of {rate_hz:,} Hz, beyond the {RATES_HZ[0]:,} to {RATES_HZ[1]:,} of recordings",
            AGAIN,
        )
    return rate_hz


def _refuse_no_file(file: Path) -> None:
    try:
        if not file.exists():
            raise InputError(f"{file}: no such file", "Give a recording: wav, flac, ogg, mp3, ...")
        if not file.is_file():
            kind = "a folder" if file.is_dir() else "no regular file"
            raise InputError(f"{file}: is {kind}", "Give one recording, written to a file")
        with file.open("rb") as stream:
            if not stream.read(1):
                raise InputError(f"{file}: cannot be read as audio (it is empty)", AGAIN)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})", "Give a recording that can be read") from error


def _refuse_cut_off(file: Path, sound: soundfile.SoundFile, count: int) -> None:
    """Raise InputError where a header promises more than there is; libsndfile reads most such files silently."""
    if count < sound.frames < _UNKNOWN_SAMPLES:
        raise InputError(f"{file}: cut off: {sound.frames:,} samples announced, {count:,} found", AGAIN)
    for stated, there in _STATED.findall(sound.extra_info):
        if int(there) < int(stated) < _UNKNOWN_BYTES:
            raise InputError(
                f"{file}: cut off: its header promises {int(stated):,} bytes, {int(there):,} are there", AGAIN
            )
    if sound.format == "OGG" and _ends_within_page(file):
        raise InputError(f"{file}: cut off: its last page is not whole", AGAIN)


def _ends_within_page(file: Path) -> bool:
    """Whether an Ogg file ends before its last page does (RFC 3533: 27 bytes, a table of lengths, the segments)."""
    with file.open("rb") as stream:
        stream.seek(-min(_LARGEST_PAGE, file.stat().st_size), os.SEEK_END)
        tail = stream.read()
    page = tail[tail.rfind(b"OggS") :]
    lengths = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return len(page) < 27 or len(page) < 27 + page[26] + sum(lengths)


def _reason(error: Exception) -> str:
    text = str(getattr(error, "error_string", None) or error).strip() or type(error).__name__
    if "SF_INFO struct incomplete" in text:
        return "its header states no rate, no channels or no length"
    return text.splitlines()[-1].rstrip(".")
