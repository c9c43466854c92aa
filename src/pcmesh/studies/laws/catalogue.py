"""The published behaviours: what the paper saw, and which measurement shows it on the twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pcmesh.analysis.laws.law import Law, Sight
from pcmesh.studies.laws import chip_laws, keyword_laws, speech_laws
from pcmesh.studies.laws.bits import effective_bits
from pcmesh.studies.laws.keywords import KeywordChips
from pcmesh.studies.laws.options import Setting
from pcmesh.studies.laws.speech import SpeechChips

PAPER = "Ambrogio et al. 2023"
SOFTWARE, TOGETHER, WEEK, EXPANDED, HALF = 7.452, 9.475, 9.894, 9.258, 10.475
"""Word error rates of the paper, %: software, all chips, a week later, with expansion, with half the integration."""


@dataclass
class Twin:
    """What the laws are measured on; each part is made when it is first needed."""

    setting: Setting

    @cached_property
    def speech(self) -> SpeechChips:
        """The RNN-T's chips."""
        return SpeechChips(self.setting)

    @cached_property
    def keywords(self) -> KeywordChips:
        """The keyword network's chips."""
        return KeywordChips(self.setting)


@dataclass(frozen=True)
class MeasuredLaw:
    """A law with its measurement.

    Attributes:
        law: what was published.
        of: whose network shows it, or the chip alone.
        measure: shows it on the twin.
        long: whether a quick run leaves it out.
        fitted_cost: an energy cost (`performance/costs.toml`) that was fitted to it, apart from the chip's constants.
    """

    law: Law
    of: Literal["chip", "rnnt", "kws"]
    measure: Callable[[Twin], Sight]
    long: bool = False
    fitted_cost: str | None = None


def _rnnt(measure: Callable[[SpeechChips], Sight], law: Law, long: bool = False) -> MeasuredLaw:
    return MeasuredLaw(law, "rnnt", lambda twin: measure(twin.speech), long)


def _kws(measure: Callable[[KeywordChips], Sight], law: Law, long: bool = False) -> MeasuredLaw:
    return MeasuredLaw(law, "kws", lambda twin: measure(twin.keywords), long)


def _excess(rate: float) -> float:
    """Return an excess of word errors over software, in units of that of all chips on day 0."""
    return (rate - SOFTWARE) / (TOGETHER - SOFTWARE)


ENTRIES: tuple[MeasuredLaw, ...] = (
    _rnnt(
        speech_laws.weight_error,
        Law(
            id="weight-error",
            observation="Mean weight error, of Max W",
            where="Narayanan et al., IEEE T-ED 68, 6629 (2021), the programming that the paper cites",
            paper=(3.0,),
            rule="at most",
            unit="%",
        ),
    ),
    _rnnt(
        speech_laws.weight_spread,
        Law(
            id="weight-spread",
            observation="Weight errors, 1 to 99 %, of Max W",
            where=f"{PAPER}, Extended Data Fig. 4e; the bound follows from the yield, 99 % within ± 20 %",
            paper=(40.0,),
            rule="at most",
            unit="%",
        ),
    ),
    _rnnt(
        speech_laws.bad_weights,
        Law(
            id="yield",
            observation="Weights off by more than 20 % of Max W",
            where=f"{PAPER}, Extended Data Fig. 4e (yield around 99 %)",
            paper=(1.0,),
            unit="%",
        ),
    ),
    _rnnt(
        speech_laws.yield_with_max_w,
        Law(
            id="yield-max-w",
            observation="Yield lost by a bigger Max W (chip 4)",
            where=f"{PAPER}, Methods, RNNT weights",
            paper=(0.0,),
            rule="at least",
            said="some",
            unit="points",
        ),
    ),
    _rnnt(
        speech_laws.order_of_rows,
        Law(
            id="rows-order",
            observation="Enc-LSTM0: no copies, copies, expansion",
            where=f"{PAPER}, Fig. 5f",
            paper=(0.0, 0.0),
            rule="at least",
            said="falls, falls",
            unit="nats a letter",
        ),
    ),
    _rnnt(
        speech_laws.layers_alone,
        Law(
            id="layers-alone",
            observation="Worst layer alone: words of software's",
            where=f"{PAPER}, Fig. 5a",
            paper=(99.0,),
            rule="at least",
            unit="%",
        ),
        long=True,
    ),
    _rnnt(
        speech_laws.worst_of_encoder,
        Law(
            id="worst-layer",
            observation="Enc-LSTM0 alone over the encoder's next",
            where=f"{PAPER}, Fig. 5a",
            paper=(0.0,),
            rule="at least",
            said="the worst",
            unit="nats a letter",
        ),
        long=True,
    ),
    _rnnt(
        speech_laws.half_integration,
        Law(
            id="half-integration",
            observation="Half the integration: excess errors",
            where=f"{PAPER}, Fig. 6b (+1 % WER on 2.02 %)",
            paper=(_excess(HALF),),
            unit="times",
        ),
    ),
    _rnnt(
        speech_laws.a_week,
        Law(
            id="week",
            observation="A week, as calibrated: excess errors",
            where=f"{PAPER}, Fig. 5c (9.894 against 9.475 %)",
            paper=(_excess(WEEK),),
            unit="times",
        ),
    ),
    _rnnt(
        speech_laws.expanded,
        Law(
            id="expansion",
            observation="Expansion, all chips: excess errors",
            where=f"{PAPER}, Fig. 5b (9.258 against 9.475 %)",
            paper=(_excess(EXPANDED),),
            unit="times",
        ),
        long=True,
    ),
    _rnnt(
        effective_bits,
        Law(
            id="effective-bits",
            observation="Weights' bits that lose as much",
            where=f"{PAPER}, Methods, RNNT MAC",
            paper=(4.097,),
            unit="bits",
        ),
        long=True,
    ),
    _kws(
        keyword_laws.share_of_software,
        Law(
            id="kws-accuracy",
            observation="Keywords spotted, of software's",
            where=f"{PAPER}, Fig. 3g (86.14 of 86.75 %)",
            paper=(99.0,),
            rule="at least",
            said="99.3 %, ≥ 99",
            unit="%",
        ),
    ),
    _kws(
        keyword_laws.balance,
        Law(
            id="kws-balance",
            observation="Keywords: lost without AB",
            where=f"{PAPER}, Fig. 3d",
            paper=(0.0,),
            rule="at least",
            said="some",
            unit="nats a word",
        ),
    ),
    _kws(
        keyword_laws.trained_for_noise,
        Law(
            id="kws-trained",
            observation="Keywords: won by training with noise",
            where=f"{PAPER}, Methods, KWS",
            paper=(0.0,),
            rule="at least",
            said="some",
            unit="points",
        ),
    ),
    _kws(
        keyword_laws.noise_in_training,
        Law(
            id="kws-noise",
            observation="Keywords: more and more noise in training",
            where=f"{PAPER}, Extended Data Fig. 3b",
            paper=(0.0, 0.0),
            rule="at least",
            said="rises, then falls",
            unit="points",
        ),
        long=True,
    ),
    MeasuredLaw(
        Law(
            id="transport",
            observation="Largest error of durations to 50, 250 ns",
            where=f"{PAPER}, Fig. 2d",
            paper=(3.0, 5.0),
            unit="ns",
        ),
        "chip",
        lambda twin: chip_laws.transport(twin.setting),
    ),
    MeasuredLaw(
        Law(
            id="tile-energy",
            observation="Tile at its peak, conduction in it",
            where=f"{PAPER}, Fig. 6c",
            paper=(20.0,),
            unit="TOPS/W",
        ),
        "chip",
        lambda twin: chip_laws.tile_energy(twin.setting),
        fitted_cost="convert",
    ),
)
