"""Keyword spotting: the shipped network on simulated chips."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pcmesh.analysis.accuracy import ISO_ACCURACY, accuracy
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.performance import DataSet, TimeOptions, run_time
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.recipes.kws.recipe import KeywordRecipeConfig
from pcmesh.speech.front_ends.keywords import PAPER_MFCC, mfcc
from pcmesh.speech.voices.augmentation import AugmentConfig
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.found import Found, computed, given, quoted, simulated
from pcmesh.workloads.kws.network import LAYERS
from pcmesh.workloads.kws.prepare import CALIBRATION_INPUTS

_BATCHES, _SAME_RATE = 1000, 0.01


def classes(e: Experiments) -> Found:
    """Count outputs."""
    return given(e.kws.network.layer2.weight.shape[0], "outputs of the shipped network")


def software(e: Experiments) -> Found:
    """Run the network in float32."""
    return computed(100 * accuracy(e.kws.software, e.kws.speech.labels), f"own weights, {e.speech}")


def on_chip(e: Experiments) -> Found:
    """Run all words on each chip, and see whether 99 % of the software's accuracy is kept."""
    found = [100 * value for value in e.kws_accuracies]
    mean, limit_ = sum(found) / len(found), _limit(e)
    holds = "holds" if mean >= limit_ else "does not hold"
    claim = f"99 % of the software's accuracy, {limit_:.2f} %, {holds}"
    spread = f"{min(found):.2f} to {max(found):.2f} % on {len(found)} chips"
    return simulated(mean, f"{claim}; {spread}, {len(e.kws.speech)} words, {e.speech}")


def _limit(e: Experiments) -> float:
    return 100 * ISO_ACCURACY * accuracy(e.kws.software, e.kws.speech.labels)


def limit(e: Experiments) -> Found:
    """Take 99 % of the software."""
    return computed(_limit(e), f"own weights, {e.speech}")


def inputs(e: Experiments) -> Found:
    """Count features, and those that reach the network."""
    made, kept = mfcc(e.kws.speech.waves[:1]).numel(), len(set(e.kws.network.pixels.tolist()))
    return computed((made, kept), "features of a second of sound; those that the shipped network looks at")


def hidden(e: Experiments) -> Found:
    """Look at the network."""
    return given(e.kws.network.layer1.weight.shape[0], "of the shipped network")


def tiles(e: Experiments) -> Found:
    """Count tiles by layer."""
    held = [tile.wp1.layer for tile in e.kws.compiled.mapping.tiles]
    return computed(tuple(float(held.count(name)) for name in LAYERS))


def frame(e: Experiments) -> Found:
    """Read the compiled schedule."""
    schedule = e.kws.compiled.routing.chips[0]
    last = len(schedule.steps) * e.chip.timing.step_ns
    note = f"a frame follows the other; its own last code comes after {last:,} ns"
    return computed((schedule.interval_steps * e.chip.timing.step_ns / 1000, schedule.interval_steps), note)


def faster(e: Experiments) -> Found:
    """Another system's latency is not ours to compute."""
    ours = frame(e).ours
    return quoted(f"the paper does not say which submission it means; 7 x our frame would be {7 * ours[0]:.1f} µs")  # type: ignore[index]


def integrations(e: Experiments) -> Found:
    """Count the steps in which each layer's tiles integrate."""
    mapping = e.kws.compiled.mapping
    steps = [
        {mapping.tiles[i.tile].wp1.layer for i in step.integrations} for step in e.kws.compiled.routing.chips[0].steps
    ]
    return computed(tuple(float(sum(name in busy for busy in steps)) for name in LAYERS), "ReLU outputs have no sign")


def training_noise(_: Experiments) -> Found:
    """Settings are taken over."""
    noise = KeywordRecipeConfig().noise
    return given((noise.weight_sigma, noise.output_sigma, noise.weight_limit), "settings of the recipe")


def optimiser(_: Experiments) -> Found:
    """Settings are taken over."""
    recipe = KeywordRecipeConfig()
    return given(
        (recipe.learning_rate, recipe.batch, 0), "settings of the recipe; no bias; targets are soft labels too"
    )


def front_end(e: Experiments) -> Found:
    """Settings are taken over; the features of an overdriven clip show them."""
    features = mfcc(e.kws.speech.waves[:1] * 1e4)
    rate = PAPER_MFCC.sample_rate_hz / 1000
    windows = (PAPER_MFCC.window_samples / rate, PAPER_MFCC.stride_samples / rate)
    return given((*windows, *features.shape[1:], float(features.abs().max())), "settings of the front end")


def augmentation(_: Experiments) -> Found:
    """Settings are taken over."""
    config = AugmentConfig()
    return given((1000 * config.shift_s, 100 * config.noise_share), "settings of the recipe")


def calibration(e: Experiments) -> Found:
    """Settings are taken over."""
    spread = float(e.kws_chips[0].network.targets[LAYERS[0]].slope.std())
    note = f"{e.kws.calibration_source}; slopes of the first layer were scaled by 1 ± {spread:.3f}"
    return given((CALIBRATION_INPUTS, e.chip.tile.bias_rows), note)


def data_types(e: Experiments) -> Found:
    """Count the bits of the pulses sent and of the codes received."""
    step = int(e.chip.timing.input_step_ns * TICKS_PER_NS)
    sent = e.kws_ticks // step
    signed = int(sent.min()) < 0
    keys = noise_keys(e.kws_chips[0].network.instance, e.kws.speech.utterance_ids[:50])
    codes = e.kws_engine.run({e.kws_pulses: e.kws_ticks[:50]}, keys)[LAYERS[-1]]
    received = int(codes.max()).bit_length()
    types = f"FP32, INT{int(sent.abs().max()).bit_length() + signed}, duration, UINT{received}, FP32"
    return simulated(types, "bits of the pulses sent and of the codes counted")


def batch(e: Experiments) -> Found:
    """Find the smallest batch with which frames follow one another as fast as in the largest."""
    largest = 32
    times = {size: _batch_ns(e, size) / size for size in range(1, largest + 1)}
    smallest = min(size for size, time in times.items() if time <= times[largest] * (1 + _SAME_RATE))
    note = f"{times[1]:,.0f} ns a frame alone, {times[largest]:,.0f} ns in batches of {largest}: tiles hold one vector"
    return computed(smallest, f"keywords; {note}")


def _batch_ns(e: Experiments, size: int) -> float:
    """Return how long the chip takes per batch if batch follows batch: each of its frames is an operation."""
    frames = np.full(_BATCHES, size, dtype=np.int64)
    run = run_time(e.kws.compiled, DataSet(frames=frames, audio_s=0.0), TimeOptions(overlap=True))
    return run.total_s * 1e9 / _BATCHES


ANSWERS: Mapping[int, Callable[[Experiments], Found]] = {
    14: classes,
    15: software,
    16: lambda _: quoted("another network"),
    17: on_chip,
    18: limit,
    19: lambda _: quoted("other systems"),
    20: inputs,
    21: hidden,
    22: tiles,
    23: frame,
    24: faster,
    25: integrations,
    26: training_noise,
    27: optimiser,
    28: front_end,
    29: augmentation,
    30: calibration,
    49: data_types,
    87: batch,
}
