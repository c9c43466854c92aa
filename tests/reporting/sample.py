"""A made-up result of `pcmesh kws` with every figure, and a made-up compiled network."""

from __future__ import annotations

from typing import Any

import numpy as np

WORDS = ("silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


def kws_result(classes: int = 3) -> dict[str, Any]:
    generator = np.random.default_rng(7)
    confusion = np.diag(generator.integers(70, 95, classes)) + generator.integers(0, 4, (classes, classes))
    layers = ("L0", "L1", "output")
    scatter = {}
    for name in layers:
        software = np.maximum(generator.normal(0, 1, 2000), 0 if name != "output" else -9)
        scatter[name] = {
            "software": software.tolist(),
            "chip": (software + generator.normal(0, 0.05, 2000)).tolist(),
        }
    programming = []
    for tile, layer in enumerate(("L0", "L0", "L1", "output")):
        for pair in (1, 2):
            errors = np.sort(generator.normal(0, 0.03, 60))
            programming.append(
                {
                    "tile": tile,
                    "layer": layer,
                    "pair": pair,
                    "error_map": generator.normal(0, 0.005, (32, 32)).tolist(),
                    "cdf": {"error": errors.tolist(), "share": np.linspace(0, 1, 60).tolist()},
                    "spread_1_99": 0.14,
                }
            )
    return {
        "software_accuracy": 0.8675,
        "chip_accuracy": {"mean": 0.8614, "ci95": [0.859, 0.864], "per_chip": [0.86, 0.861, 0.863]},
        "iso_limit": 0.8588,
        "n_utterances": 1200,
        "data": {"kind": "synthetic", "source": "held-out voices", "split": "test"},
        "frame_interval_ns": 2400,
        "frame_steps": 8,
        "latency_ns": 2700,
        "digital_ns": 300,
        "frame_energy_j": 7.4e-7,
        "energy_by": "power test on the clocked chip",
        "tiles": 4,
        "analog_yield": 0.99,
        "mean_weight_error": 0.021,
        "layers": [_layer("L0", 1024, 512, 2), _layer("L1", 512, 512, 1), _layer("output", 512, 12, 1)],
        "seed": 1,
        "versions": {"pcmesh": "0.1.0", "torch": "2.13.0"},
        "configuration": {"chip": "nature2023", "calibration": {"inputs": 1000}, "weights": None},
        "chip": "nature2023",
        "figures": {
            "class_names": list(WORDS[:classes]),
            "confusion_software": confusion.tolist(),
            "confusion_chip": confusion.T.tolist(),
            "scatter": scatter,
            "programming": programming,
            "drift": [
                {"time_s": 0.0, "accuracy": 0.8614, "accuracy_recalibrated": 0.8614},
                {"time_s": 86_400.0, "accuracy": 0.8614, "accuracy_recalibrated": 0.8614},
                {"time_s": 604_800.0, "accuracy": 0.858, "accuracy_recalibrated": 0.861},
                {"time_s": 2_629_800.0, "accuracy": 0.851, "accuracy_recalibrated": 0.859},
            ],
            "schedule": [
                {
                    "step": step + 1,
                    "begin_ns": 300 * step,
                    "activities": [f"tile {step % 4} integrates", "ILP CW -> tile 0"],
                }
                for step in range(8)
            ],
        },
    }


def _layer(name: str, rows: int, columns: int, tiles: int) -> dict[str, Any]:
    return {
        "name": name,
        "rows": rows,
        "columns": columns,
        "encoding": "AB",
        "tiles": tiles,
        "mac_sigma": 0.013,
        "correlation": 0.994,
    }
