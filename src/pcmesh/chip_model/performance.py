"""Time and energy of a chip model's samples, by the same figures as its summary."""

from __future__ import annotations

from typing import Any

from pcmesh.chip_model.figures import ModelFigures, model_figures
from pcmesh.chip_model.model import ChipModel

_TERA = 1e12


def performance_result(model: ChipModel, samples: int, overlap: bool) -> dict[str, Any]:
    """Return what a number of samples takes, as `pcmesh perf` writes it.

    Args:
        model: the network on the chip.
        samples: how many run.
        overlap: whether a sample enters as soon as the first layer is free; else when the one before has left.
    """
    figures, deployment = model_figures(model.deployment), model.deployment
    times = {"no_overlap": samples * figures.latency_s, "overlap": _overlapped(figures, samples)}
    total_s, energy_j = times["overlap" if overlap else "no_overlap"], samples * figures.energy_j
    analog, digital = samples * figures.analog_operations, samples * figures.digital_operations
    return {
        "network": deployment.choice.name,
        "chip": deployment.chip.name,
        "data": {"described": f"{samples:,} samples", "utterances": samples},
        "options": {"overlap": overlap},
        "utterances": samples,
        "operations": analog,
        "total_time_s": total_s,
        "samples_per_s": samples / total_s,
        "mean_sample_us": 1e6 * total_s / samples,
        "sample": {
            "latency_s": figures.latency_s,
            "interval_s": figures.interval_s,
            "energy_j": figures.energy_j,
            "analog_operations": figures.analog_operations,
            "digital_operations": figures.digital_operations,
        },
        "time_s": times,
        "tops": analog / total_s / _TERA,
        "energy_j": energy_j,
        "power_w": energy_j / total_s,
        "tops_per_w": analog / energy_j / _TERA,
        "samples_per_s_per_w": samples / energy_j,
        "digital": {
            "operations": digital,
            "ratio": analog / max(digital, 1),
            "analog_share": analog / max(analog + digital, 1),
        },
        "per_layer": [
            {
                "layer": entry.name,
                "tiles": entry.tiles + entry.shared,
                "vectors": samples * entry.vectors,
                "steps": entry.steps,
                "energy_j": samples * entry.energy_j,
            }
            for entry in figures.products
        ],
    }


def _overlapped(figures: ModelFigures, samples: int) -> float:
    return figures.latency_s + (samples - 1) * figures.interval_s
