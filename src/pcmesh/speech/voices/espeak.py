"""espeak-ng, the C speech synthesiser of the `espeakng-loader` wheel, as one Python function.

espeak is a C library with one global voice and one global callback: everything that touches it is in this module,
behind a lock.
"""

from __future__ import annotations

import _ctypes
import ctypes
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import espeakng_loader
import numpy as np
import numpy.typing as npt

from pcmesh.errors import InputError

_AUDIO_OUTPUT_SYNCHRONOUS: Final = 2
_CHARS_UTF8: Final = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
# Variants whose breath noise reads memory that espeak leaves uninitialised: not the same in two processes (measured).
_UNREPEATABLE: Final = frozenset({"Alicia", "Demonic", "f2", "f3", "f5", "sandro", "victor", "whisper", "whisperf"})
_LOCK = threading.Lock()
_CALLBACK_TYPE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class _Engine:
    """The loaded library and the buffer that its callback fills."""

    def __init__(self) -> None:
        self.library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate_hz = int(self.library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, 0))
        if self.sample_rate_hz <= 0:
            raise InputError(
                "espeak-ng did not start (its voice data was not found)", "Reinstall espeakng-loader with pip"
            )
        self.parts: list[npt.NDArray[np.int16]] = []
        self._callback = _CALLBACK_TYPE(self._collect)  # kept: C holds only the pointer
        self.library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self.parts.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0


@lru_cache(maxsize=1)
def _engine() -> _Engine:
    return _Engine()


def restart(seed: int) -> None:
    """Unload espeak and start it afresh, so that what is said next is the same on every run.

    espeak carries state from word to word (phases of flutter, breath noise from C's `rand`), so the sound of a word
    depends on all that was said before it in the process. After a restart the same calls give the same samples.
    """
    with _LOCK:
        if _engine.cache_info().currsize:
            library = _engine().library
            _engine.cache_clear()
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)
        ctypes.CDLL(None).srand(seed & 0x7FFFFFFF)
        _engine()


@lru_cache(maxsize=1)
def english_voices() -> tuple[str, ...]:
    """Return the names of the English voices that repeat exactly: each accent with each speaker variant, sorted."""
    data = Path(espeakng_loader.get_data_path())
    accents = sorted(file.name.lower() for file in (data / "lang" / "gmw").glob("en*") if "Shaw" not in file.name)
    variants = sorted({file.name for file in (data / "voices" / "!v").iterdir()} - _UNREPEATABLE)
    return tuple(f"{accent}+{variant}" for accent in accents for variant in variants)


def speak(
    text: str, voice: str, words_per_minute: int = 175, pitch: int = 50, pitch_range: int = 50
) -> tuple[npt.NDArray[np.float32], int]:
    """Say a text.

    Args:
        text: what to say.
        voice: one of `english_voices()`.
        words_per_minute: 80 to 450.
        pitch: 0 to 99; 50 is the voice's own.
        pitch_range: 0 (monotone) to 99.

    Returns:
        samples (n,) in [-1, 1] and the sample rate in Hz; n may be 0 where a voice cannot say the text.

    Raises:
        InputError: espeak does not know the voice.
    """
    with _LOCK:
        engine = _engine()
        if engine.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise InputError(f"espeak-ng has no voice {voice!r}", "Choose one of english_voices()")
        for parameter, value in ((_RATE, words_per_minute), (_PITCH, pitch), (_RANGE, pitch_range), (_VOLUME, 100)):
            engine.library.espeak_SetParameter(parameter, value, 0)
        engine.parts = []
        encoded = text.encode() + b"\0"
        engine.library.espeak_Synth(encoded, len(encoded), 0, 1, 0, _CHARS_UTF8, None, None)
        engine.library.espeak_Synchronize()
        pieces = engine.parts or [np.zeros(0, dtype=np.int16)]
        return np.concatenate(pieces).astype(np.float32) / 32768.0, engine.sample_rate_hz
