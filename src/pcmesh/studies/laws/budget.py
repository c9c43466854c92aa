"""`pcmesh laws --budget`: where the error of a layer comes from, in asymmetry balance and in 2-PCM."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from pcmesh.analysis.laws.budget import error_budget
from pcmesh.deployed import ChipModel, compile_model
from pcmesh.mapping import Encoding
from pcmesh.studies.laws.options import Setting
from pcmesh.studies.laws.sources import FLOOR, SOURCES, without
from pcmesh.workloads.rnnt.listening.transcribe import load_speech_network
from pcmesh.workloads.rnnt.listening.transcriber import Transcriber
from pcmesh.workloads.rnnt.on_chip.speech import calibration_features

ENCODINGS = (Encoding.AB, Encoding.PCM2)
COLUMNS, KNOWN, ASKED = 256, 1000, 500
_RECORDINGS = 40


@dataclass
class Probe:
    """A layer alone: part of Enc-LSTM1 Wx of the small RNN-T, and what Enc-LSTM0 sends to it."""

    setting: Setting

    @cached_property
    def layer(self) -> nn.Sequential:
        """The first columns of the matrix."""
        weight = self._encoder["enc-lstm1"].lstm.weight_ih_l0[:COLUMNS]
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        layer.load_state_dict({"weight": weight})
        return nn.Sequential(OrderedDict(probe=layer)).requires_grad_(False)

    @cached_property
    def frames(self) -> Tensor:
        """Inputs (N, rows): the first to calibrate on, the others to ask."""
        first, seed = self._encoder["enc-lstm0"], self.setting.options.seed
        with torch.inference_mode():
            sent = [
                first(x[None], torch.tensor([len(x)]))[0][0] for x in calibration_features(None, seed)[:_RECORDINGS]
            ]
        joined = torch.cat(sent).clone()
        step = max(1, len(joined) // (KNOWN + ASKED))
        return joined[::step][: KNOWN + ASKED]

    @cached_property
    def _encoder(self) -> Any:
        return Transcriber(load_speech_network(None)).encoder

    def variances(self, encoding: Encoding, on: frozenset[str]) -> list[float]:
        """Return the variance of the error on each chip, as a share of that of the products, with some sources on."""
        off = sorted(source.name for source in SOURCES if source.name not in on)
        kept, found = self.setting.kept("budget", str(encoding)), []
        chip, model = without(self.setting.chip, off), None
        for number in range(self.setting.options.chips):
            key = f"without {', '.join(off)} on chip {number}"
            if kept.get(key) is None:
                model = self._model(encoding, chip) if model is None else model
                kept.put(key, self._variance(model.on(number=number)))
            found.append(float(kept.measured(key)))
        return found

    def _model(self, encoding: Encoding, chip: Any) -> ChipModel:
        known = self.frames[:KNOWN]
        return compile_model(
            self.layer,
            known,
            chip,
            encoding=encoding,
            scale_columns=True,
            route=True,
            seed=self.setting.options.seed,
        )

    def _variance(self, model: ChipModel) -> float:
        asked = self.frames[KNOWN:]
        with model.samples([f"budget/{number}" for number in range(len(asked))]):
            error = model(asked) - model.software(asked)
        return float(error.var() / model.software(asked).var())


def run_budget(setting: Setting) -> dict[str, Any]:
    """Return the error budget of a layer in each encoding; docs/laws.md describes the keys."""
    probe = Probe(setting)
    found = [{"encoding": str(encoding), **_budget(probe, encoding, setting)} for encoding in ENCODINGS]
    rows, columns = probe.layer[0].in_features, probe.layer[0].out_features
    return {
        "chip": setting.chip.name,
        "layer": f"Enc-LSTM1 Wx of rnnt-small: {rows} rows, {columns} of its columns",
        "chips": setting.options.chips,
        "seed": setting.options.seed,
        "budget": found,
    }


def _budget(probe: Probe, encoding: Encoding, setting: Setting) -> dict[str, Any]:
    names, total = [source.name for source in SOURCES], 2 * len(SOURCES) + 2
    done: list[None] = []

    def measure(on: frozenset[str]) -> Sequence[float]:
        setting.report(f"budget {encoding}", len(done), total)
        done.append(None)
        return probe.variances(encoding, on)

    found = error_budget(names, measure, FLOOR)
    setting.report(f"budget {encoding}", total, total)
    return found
