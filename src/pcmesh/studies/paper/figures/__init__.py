"""What our versions of the paper's figures show, as plain data; `reporting.paper_figures` draws them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.figures import keywords, plans, power, speech
from pcmesh.studies.paper.figures.shapes import Data
from pcmesh.studies.paper.figures.voltages import capacitor_voltages

Described = Callable[[Experiments], str]


@dataclass(frozen=True)
class Figure:
    """One of the paper's figures.

    Attributes:
        name: as the paper numbers it.
        title: what ours shows.
        make: its data.
        long: it takes minutes: made in a full run; a quick run shows what a full one has left.
        described: what it was measured on.
    """

    name: str
    title: str
    make: Callable[[Experiments], Data]
    long: bool = False
    described: Described | None = None


def _heard(name: str, title: str, make: Callable[[Experiments], Data]) -> Figure:
    """Return a figure of the RNN-T's word errors."""
    return Figure(name, title, make, True, speech.described)


FIGURES: tuple[Figure, ...] = (
    Figure("2d", "Error of durations sent over the whole chip", power.transport),
    Figure("3d", "Asymmetry balance: error of the keyword network's products", keywords.balance),
    Figure("3e", "A frame of the keyword network", plans.keyword_frame),
    Figure("3f", "Products on the chip against software", keywords.scatter),
    Figure("3g", "Keyword accuracy", keywords.keyword_bars),
    _heard("4c, 4d", "Word errors against the bits of the weights", speech.bits),
    Figure("4c, 4d", "The same of our keyword network: accuracy against bits", keywords.keyword_sensitivity),
    Figure("4e, 4f", "Routes of chip 1: inputs, integrations, outputs of each step", plans.of_chip("routes", 0)),
    Figure("4g", "Devices and weights of each chip", power.devices),
    _heard("5a", "Word errors with each layer alone on the chips", speech.alone),
    _heard("5b", "Word errors with one more layer at a time on the chips", speech.cumulative),
    _heard("5c", "Word errors after a week of drift", speech.after_a_week),
    Figure("5d", "Weight expansion: signal and noise", power.expansion),
    _heard("5e", "Enc-LSTM0 of few bits, expanded", speech.coarse),
    _heard("5f", "Enc-LSTM0 on the chips: copies against weight expansion", speech.copies_and_expansion),
    Figure("6a", "Power of each chip, with fitted costs", power.chip_power),
    Figure("6a", "Efficiency of each chip, with fitted costs", power.chip_efficiency),
    _heard("6b", "Half the integration time: efficiency and accuracy", speech.halved),
    Figure("6c", "Efficiency from the tile to the system", power.levels),
    Figure("6d, ED 10a", "How busy each chip is", power.busy),
    Figure("6e", "Operations on the chips and beside them", power.operations),
    Figure("6f, ED 10e", "Samples per energy", power.against_mlperf),
    Figure("ED 2c", "Voltages of four columns while a word runs: sampled, held, read", capacitor_voltages),
    Figure("ED 3b", "Keyword accuracy in software against noise on the weights", keywords.noise),
    Figure("ED 3c", "Features of one word", keywords.coefficients),
    Figure("ED 3d", "Which features are kept", keywords.pruning),
    Figure("ED 3e", "Keyword accuracy with one technique left out, and with age", keywords.techniques, long=True),
    Figure("ED 3f", "Column offsets before and after the bias rows", keywords.bias_rows),
    Figure("ED 4a-d", "Programming errors over the keyword network's tiles", keywords.programming_maps),
    Figure("ED 4e", "Distribution of the programming error", keywords.programming_cdf),
    _heard("ED 4e", "Spread of the programming error and yield on five chips", speech.spreads),
    *(Figure("ED 5a", f"Floorplan of chip {chip + 1}", plans.of_chip("floorplan", chip)) for chip in range(4)),
    Figure("ED 7a", "Time steps of the decoder's chip", plans.of_chip("timeline", 4)),
    Figure("ED 7b", "Floorplan of chip 5", plans.of_chip("floorplan", 4)),
    Figure("ED 7c", "Routes of chip 5", plans.of_chip("routes", 4)),
    _heard("ED 8", "Errors of each matrix's products", speech.product_errors),
    Figure("ED 8", "Error of products, chip by chip: the keyword network", keywords.products),
    _heard("ED 9", "Sentences in software and on the chips", speech.sentences),
    Figure("ED 10c, d", "Digital operations by task", power.digital_tasks),
)
