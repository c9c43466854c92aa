"""Recorded words as frames of a compiled keyword network, for verification."""

from __future__ import annotations

from pathlib import Path

import torch

from pcmesh.compiled import CompiledNetwork
from pcmesh.errors import InputError
from pcmesh.physics.pulse import input_ticks
from pcmesh.speech.datasets import load_speech_commands
from pcmesh.workloads.kws.network import LAYERS, load_keyword_network
from pcmesh.workloads.kws.prepare import features_of


def recorded_frames(compiled: CompiledNetwork, data: Path, count: int) -> dict[str, torch.Tensor]:
    """Return the first `count` test words of a data folder as input pulses, (count, 1024) int32 ticks.

    The pixels are those of the network that ships.

    Raises:
        InputError: the compiled network is no keyword network, or the folder cannot be used or has fewer words.
    """
    if tuple(layer.name for layer in compiled.graph.layers) != LAYERS:
        raise InputError(
            f"'{compiled.graph.name}' takes no words: --data is for the keyword network", "Leave out --data"
        )
    speech = load_speech_commands(data, "test")
    if len(speech) < count:
        raise InputError(f"{data}: has {len(speech)} test words, {count} are wanted", f"Give --frames {len(speech)}")
    values = load_keyword_network().inputs(features_of(speech.first(count)))
    first = compiled.graph.layer(LAYERS[0])
    return {first.input: input_ticks(values, compiled.ranges[first.name].input_full_scale, compiled.chip.timing)}
