"""Keyword spotting: the shipped network on simulated chips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import nn

from pcmesh.analysis.accuracy import ISO_ACCURACY, accuracy
from pcmesh.execution.behavioural.network import noise_keys
from pcmesh.physics.units import TICKS_PER_NS
from pcmesh.random import torch_generator
from pcmesh.recipes.kws.recipe import KeywordRecipeConfig
from pcmesh.speech.front_ends.keywords import PAPER_MFCC, mfcc
from pcmesh.speech.voices.augmentation import AugmentConfig, add_noise, warp_time
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.found import Found, computed, quoted, simulated
from pcmesh.training import HardwareAware, NoiseConfig
from pcmesh.workloads.kws.network import LAYERS


def classes(e: Experiments) -> Found:
    """Count outputs."""
    return computed(e.kws.network.layer2.weight.shape[0], "outputs of the shipped network")


def software(e: Experiments) -> Found:
    """Run the network in float32."""
    return computed(100 * accuracy(e.kws.software, e.kws.speech.labels), f"own weights, {e.speech}")


def on_chip(e: Experiments) -> Found:
    """Run all words on each chip."""
    found = [100 * value for value in e.kws_accuracies]
    spread = f"{min(found):.2f} to {max(found):.2f} % on {len(found)} chips"
    return simulated(sum(found) / len(found), f"{spread}, {len(e.kws.speech)} words, {e.speech}")


def limit(e: Experiments) -> Found:
    """Take 99 % of the software."""
    return computed(100 * ISO_ACCURACY * accuracy(e.kws.software, e.kws.speech.labels), f"own weights, {e.speech}")


def inputs(e: Experiments) -> Found:
    """Count features, and those that reach the network."""
    return computed((mfcc(e.kws.speech.waves[:1]).numel(), len(set(e.kws.network.pixels.tolist()))))


def hidden(e: Experiments) -> Found:
    """Look at the network."""
    return computed(e.kws.network.layer1.weight.shape[0])


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


def training_noise(e: Experiments) -> Found:
    """Measure the noise that the recipe's wrapper puts on weights and on outputs, and where it clips."""
    noise = KeywordRecipeConfig().noise
    weights = _disturbance(e, replace(noise, output_sigma=0.0), "weights")
    outputs = _disturbance(e, replace(noise, weight_sigma=0.0), "outputs")
    layer = nn.Linear(4, 4, bias=False)
    nn.init.constant_(layer.weight, 7.0)
    HardwareAware(layer, noise, torch_generator(0, "training")).clip_weights()
    return simulated((weights, outputs, float(layer.weight.detach().max())), "measured on one mini-batch of the recipe")


def _disturbance(e: Experiments, noise: NoiseConfig, name: str) -> float:
    layer = nn.Linear(512, 512, bias=False).requires_grad_(False)
    layer.weight.uniform_(-1, 1, generator=torch_generator(e.options.seed, "training", name))
    aware = HardwareAware(layer, noise, torch_generator(e.options.seed, "training", name, "noise")).train()
    clean = layer.weight.T
    return float((aware(torch.eye(512)) - clean).std() / clean.abs().max())


def optimiser(_: Experiments) -> Found:
    """Settings are taken over."""
    recipe = KeywordRecipeConfig()
    return quoted(
        "settings of the recipe; no bias; targets are soft labels too", (recipe.learning_rate, recipe.batch, 0)
    )


def front_end(e: Experiments) -> Found:
    """Compute the features of the loudest clip."""
    features = mfcc(e.kws.speech.waves[:1] * 1e4)
    rate = PAPER_MFCC.sample_rate_hz / 1000
    windows = (PAPER_MFCC.window_samples / rate, PAPER_MFCC.stride_samples / rate)
    return computed((*windows, *features.shape[1:], float(features.abs().max())), "features of an overdriven clip")


def augmentation(e: Experiments) -> Found:
    """Shift clicks and add noise to silence-free clips, many times."""
    config = AugmentConfig()
    clicks = torch.zeros(2000, 16_000)
    clicks[:, 8000] = 1
    still = replace(config, speed=0.0, wobble=0.0)
    moved = warp_time(clicks, still, torch_generator(e.options.seed, "training", "shift")).argmax(1) - 8000
    clips = e.kws.speech.waves[:300]
    noisy = add_noise(clips, clips[:10], config, torch_generator(e.options.seed, "training", "noisy"))
    share = float((noisy != clips).any(1).double().mean())
    return simulated((float(moved.abs().max()) / 16, 100 * share), "largest of 2,000 shifts; share of 300 clips")


def calibration(e: Experiments) -> Found:
    """Look at what calibrated the first chip."""
    network = e.kws_chips[0].network
    spread = float(network.targets[LAYERS[0]].slope.std())
    bias = max(int(network.targets[name].bias.abs().max() > 0) for name in LAYERS) * e.chip.tile.bias_rows
    note = f"{e.kws.calibration_source}; slopes of the first layer were scaled by 1 ± {spread:.3f}"
    return simulated((e.kws.model.deployment.frames.samples, bias), note)


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
    """Compare words alone with words among others."""
    keys = noise_keys(e.kws_chips[0].network.instance, e.kws.speech.utterance_ids[:8])
    together = e.kws_engine.run({e.kws_pulses: e.kws_ticks[:8]}, keys)[LAYERS[-1]]
    alone = [e.kws_engine.run({e.kws_pulses: e.kws_ticks[i : i + 1]}, keys[i : i + 1])[LAYERS[-1]] for i in range(8)]
    same = torch.equal(torch.cat(alone, dim=1), together)
    return simulated(1.0 if same else 8.0, "each word's codes are the same alone and among others")


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
