"""Each layer of the keyword network alone on chips, all others in software (as the paper's Fig. 5a for the RNN-T)."""

from __future__ import annotations

import torch.nn.functional as F

from pcmesh.analysis.accuracy import accuracy
from pcmesh.files.cache import ResultCache
from pcmesh.progress import Progress
from pcmesh.workloads.kws.network import LAYERS
from pcmesh.workloads.kws.prepare import Prepared

ACCURACY, CROSS_ENTROPY = "accuracy", "nats per word"


def losses_alone(
    prepared: Prepared, chips: int, cache: ResultCache, progress: Progress
) -> dict[str, dict[str, list[float]]]:
    """Return measure -> layer -> what each chip loses against software with that layer alone on it.

    The layer takes numbers and gives numbers: pulses and codes at both ends, its read-out fitted on the calibration
    words. Accuracy is counted in words; the cross-entropy of the labels, in nats per word, varies less from chip to
    chip.

    Args:
        prepared: words and network.
        chips: instances.
        cache: keeps what a chip loses.
        progress: is told the chips done.
    """
    found: dict[str, dict[str, list[float]]] = {m: {n: [] for n in LAYERS} for m in (ACCURACY, CROSS_ENTROPY)}
    for number in range(chips):
        progress("layers alone", number, chips)
        lost = cache.get(f"layers alone {number}")
        if lost is None:
            lost = _lost(prepared, number)
            cache.put(f"layers alone {number}", lost)
        for measure, by_layer in lost.items():
            for name, value in by_layer.items():
                found[measure][name].append(value)
    progress("layers alone", chips, chips)
    return found


def _lost(prepared: Prepared, number: int) -> dict[str, dict[str, float]]:
    options, labels, words = prepared.options, prepared.speech.labels, prepared.features
    lost: dict[str, dict[str, float]] = {ACCURACY: {}, CROSS_ENTROPY: {}}
    for name in LAYERS:
        model = prepared.model.on(number=number, only=[name]).at(options.time_s)
        software = model.software(words)
        with model.samples(prepared.speech.utterance_ids):
            logits = model(words)
        lost[ACCURACY][name] = accuracy(software.argmax(1), labels) - accuracy(logits.argmax(1), labels)
        lost[CROSS_ENTROPY][name] = float(F.cross_entropy(logits, labels) - F.cross_entropy(software, labels))
    return lost
