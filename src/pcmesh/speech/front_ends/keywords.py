"""The front end of keyword spotting: one second of sound to 49 x 40 cepstral coefficients.

Shapes: B utterances, N samples, T frames, F frequency bins, M mel bands, C coefficients.
Source: Ambrogio et al., Nature 620, 768 (2023), Methods, "KWS network training, pruning and calibration".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import librosa
import numpy as np
import scipy.fft
import torch
import torch.nn.functional as F
from torch import Tensor

CLIP_SAMPLES = 16_000


@dataclass(frozen=True, kw_only=True)
class MfccConfig:
    """Mel-frequency cepstral coefficients; the defaults are the paper's, where it states them.

    The paper gives the rate, the window (30 ms), the stride (20 ms), 40 coefficients and the limit of 30. The
    transform length, the mel bands' range and the floor under the logarithm are chosen here.
    """

    sample_rate_hz: int = 16_000
    window_samples: int = 480
    stride_samples: int = 320
    n_fft: int = 512
    n_mels: int = 40
    n_coefficients: int = 40
    f_min_hz: float = 20.0
    f_max_hz: float = 7_600.0
    power_floor: float = 1e-2
    limit: float = 30.0


PAPER_MFCC = MfccConfig()


@lru_cache(maxsize=8)
def _mel_bank_FM(config: MfccConfig) -> Tensor:
    bank = librosa.filters.mel(
        sr=config.sample_rate_hz,
        n_fft=config.n_fft,
        n_mels=config.n_mels,
        fmin=config.f_min_hz,
        fmax=config.f_max_hz,
        norm=None,
        htk=True,
    )
    return torch.from_numpy(np.ascontiguousarray(bank.T, dtype=np.float32))


@lru_cache(maxsize=8)
def _cosines_MC(config: MfccConfig) -> Tensor:
    basis = scipy.fft.dct(np.eye(config.n_mels), type=2, norm="ortho", axis=0)[: config.n_coefficients]
    return torch.from_numpy(np.ascontiguousarray(basis.T, dtype=np.float32))


def power_spectrogram(waves_BN: Tensor, config: MfccConfig = PAPER_MFCC) -> Tensor:
    """Return |STFT|^2 (B, T, F) of waves (B, N): periodic Hann window, no padding at the ends."""
    window = torch.hann_window(config.window_samples, dtype=waves_BN.dtype, device=waves_BN.device)
    frames_BTN: Tensor = waves_BN.unfold(-1, config.window_samples, config.stride_samples) * window
    spectrum_BTF: Tensor = torch.fft.rfft(frames_BTN, n=config.n_fft)
    power_BTF: Tensor = spectrum_BTF.real.square() + spectrum_BTF.imag.square()
    return power_BTF


def cepstrum(power_BTF: Tensor, config: MfccConfig = PAPER_MFCC) -> Tensor:
    """Return the coefficients (B, T, C) of a power spectrogram (B, T, F): DCT-II of ln(mel power + floor), clipped."""
    bank_FM = _mel_bank_FM(config).to(power_BTF)
    logs_BTM = torch.log(power_BTF @ bank_FM + config.power_floor)
    coefficients_BTC: Tensor = logs_BTM @ _cosines_MC(config).to(power_BTF)
    return coefficients_BTC.clamp(-config.limit, config.limit)


def mfcc(waves_BN: Tensor, config: MfccConfig = PAPER_MFCC) -> Tensor:
    """Return the paper's features: (B, 16,000) samples to (B, 49, 40) coefficients within +-30.

    Args:
        waves_BN: samples in [-1, 1] at `config.sample_rate_hz`.
        config: window, stride, bands and limit.
    """
    return cepstrum(power_spectrogram(waves_BN, config), config)


def fit_to_clip(wave_N: Tensor, samples: int = CLIP_SAMPLES) -> Tensor:
    """Return exactly `samples`: a shorter wave gets zeros at both ends, of a longer one the loudest part stays."""
    length = wave_N.shape[-1]
    if length <= samples:
        before = (samples - length) // 2
        return F.pad(wave_N, (before, samples - length - before))
    energy = torch.cat((wave_N.new_zeros(1).double(), wave_N.double().square().cumsum(0)))
    start = int((energy[samples:] - energy[:-samples]).argmax())
    return wave_N[start : start + samples]


_HOP, _SPAN = 160, 400
_LOUD_HOPS = 30


def centre_word(waves_BN: Tensor) -> Tensor:
    """Turn each clip circularly so that the word stands in its middle.

    The middle of the word is the centre of gravity of sqrt(energy above the noise floor) in 25-ms windows every
    10 ms; the floor is the energy that 10 % of the windows stay below. A fully connected network has no shift
    invariance of its own, so this saves it from learning each word at each place. Turning, unlike padding, invents
    no silence. A silent clip stays as it is.
    """
    samples = waves_BN.shape[-1]
    energy_BK = F.avg_pool1d(waves_BN.square()[:, None], _SPAN, _HOP, padding=(_SPAN - _HOP) // 2)
    energy_BK = F.avg_pool1d(energy_BK, 3, 1, padding=1)[:, 0]
    hops = energy_BK.shape[-1]
    floor_B1 = energy_BK.kthvalue(hops // 10, dim=-1, keepdim=True).values
    weight_BK = (energy_BK - floor_B1).clamp_min(0).sqrt() + 1e-6
    place_K = torch.arange(hops, device=waves_BN.device) * _HOP + _HOP // 2
    middle_B1 = (weight_BK * place_K).sum(-1, keepdim=True) / weight_BK.sum(-1, keepdim=True)
    shift_B1 = (middle_B1 - samples / 2).round().long()
    return waves_BN.gather(-1, (torch.arange(samples, device=waves_BN.device) + shift_B1) % samples)


def normalise_level(waves_BN: Tensor, target_rms: float = 0.1) -> Tensor:
    """Scale each clip so that its loudest 300 ms have the given RMS; a silent clip stays silent."""
    return waves_BN * (target_rms / loudest_rms(waves_BN).clamp_min(1e-6))


def loudest_rms(waves_BN: Tensor) -> Tensor:
    """Return the RMS (B, 1) of the loudest 300 ms of each clip."""
    energy_BK = F.avg_pool1d(waves_BN.square()[:, None], _HOP, _HOP)
    return F.avg_pool1d(energy_BK, _LOUD_HOPS, 1)[:, 0].amax(-1, keepdim=True).sqrt()


def keyword_features(waves_BN: Tensor, config: MfccConfig = PAPER_MFCC) -> Tensor:
    """Return what the keyword network reads: word centred, level normalised, then the paper's MFCC.

    Each utterance is computed by itself, so that its features have the same bits in a batch of any size.

    Args:
        waves_BN: float32 (B, 16000), one second at 16 kHz at any level.
        config: the MFCC.

    Returns:
        float32 (B, 49, 40) within +-30.
    """
    if not len(waves_BN):
        return waves_BN.new_zeros(0, 49, config.n_coefficients)
    rows = [mfcc(normalise_level(centre_word(wave_1N)), config) for wave_1N in torch.split(waves_BN, 1)]
    return torch.cat(rows)
