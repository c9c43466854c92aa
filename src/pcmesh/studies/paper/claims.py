"""The quantitative claims of Ambrogio et al., Nature 620, 768 (2023), as data.

A value is a number, several numbers (in the order in which the text names them), or words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Value = float | tuple[float, ...] | str
Relation = Literal["=", "<=", ">="]


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        id: its number.
        text: what is claimed.
        paper: the value as published.
        unit: of the value.
        section: where it stands.
        relation: `=`, or whether the paper gives a bound.
    """

    id: int
    text: str
    paper: Value
    unit: str
    section: str
    relation: Relation = "="


ARCHITECTURE, KEYWORDS, TRANSDUCER, POWER = "Chip architecture", "KWS", "RNNT mapping on chip", "Power and performance"

CLAIMS: tuple[Claim, ...] = (
    Claim(1, "Analog tiles per chip", 34, "tiles", ARCHITECTURE),
    Claim(2, "Crossbar of a tile: rows, PCMs in a row", (512, 2048), "", ARCHITECTURE),
    Claim(3, "PCMs per chip", 35e6, "PCMs", "Abstract"),
    Claim(4, "Power domains, each with an ILP and an OLP", 6, "domains", ARCHITECTURE),
    Claim(5, "Input vector: entries, bits of each", (512, 8), "", ARCHITECTURE),
    Claim(6, "Rows of one tile in 2-PCM", 1024, "rows", "Fig. 1h"),
    Claim(7, "Rows of two tiles that share capacitors", 2048, "rows", "Fig. 1i"),
    Claim(8, "Significance of WP1 over WP2 (F)", 1, "", "Fig. 1g"),
    Claim(9, "Mesh over a tile: E-W wires, N-S wires, vias", (512, 512, 512), "", "Reconfigurable architecture"),
    Claim(10, "LC instruction: bits, cycle", (128, 1), "bits, ns", "Methods, Local Controllers"),
    Claim(11, "Durations: shortest, longest, step", (0, 255, 1), "ns", "Methods, Duration vectors"),
    Claim(12, "Error of transport: largest, of 0-50 ns", (5, 3), "ns", "Fig. 2d", "<="),
    Claim(13, "Transport test: vectors, wires, ranges, OLPs", (2048, 512, 5, 6), "", "Methods, Duration vectors"),
    Claim(14, "Keyword classes", 12, "classes", KEYWORDS),
    Claim(15, "Keyword accuracy in software", 86.75, "%", KEYWORDS),
    Claim(16, "MLPerf's convolutional network", 90, "%", KEYWORDS),
    Claim(17, "Keyword accuracy on the chip", 86.14, "%", "Fig. 3g"),
    Claim(18, "Iso-accuracy limit", 85.88, "%", KEYWORDS),
    Claim(19, "Other fully connected submissions", 82.5, "%", KEYWORDS),
    Claim(20, "Inputs: made, kept", (1960, 1024), "", "Methods, KWS"),
    Claim(21, "Hidden units", 512, "units", KEYWORDS),
    Claim(22, "Tiles by layer", (2, 1, 1), "tiles", "Fig. 3c"),
    Claim(23, "Time of a frame, steps", (2.4, 8), "µs, steps", "Fig. 3e"),
    Claim(24, "Faster than MLPerf's best", 7, "x", KEYWORDS),
    Claim(25, "Integration steps by layer", (4, 2, 2), "steps", "Fig. 3e"),
    Claim(26, "Training noise: weights, outputs; clipping", (0.02, 0.04, 1), "", "Methods, KWS"),
    Claim(27, "Adam: learning rate, batch, weight decay", (0.0005, 250, 0), "", "Methods, KWS"),
    Claim(28, "Front end: window, stride, windows, MFCC, clip", (30, 20, 49, 40, 30), "ms, ms", "Methods, KWS"),
    Claim(29, "Augmentation: shift, share with noise", (100, 80), "ms, %", "Methods, KWS"),
    Claim(30, "Calibration: validation inputs, bias rows", (1000, 8), "", "Methods, KWS"),
    Claim(31, "Word error rate in software", 7.452, "%", "RNNT"),
    Claim(32, "Limit of 99 % of the accuracy", 8.378, "%", "Fig. 4c"),
    Claim(33, "Bits that all weights need", 5.4, "bits", "Fig. 4c"),
    Claim(34, "Most sensitive layers, in order", "joint-FC, Enc-LSTM0, Enc-LSTM1", "", "Fig. 4d"),
    Claim(35, "joint-FC (digital): inputs, outputs", (512, 29), "", "RNNT"),
    Claim(36, "Parameters", 45_321_309, "", "RNNT"),
    Claim(37, "Weights in analog memory, share", (45_261_568, 99.9), "weights, %", "RNNT"),
    Claim(38, "Weights that a chip holds in 2-PCM", 17_825_792, "weights", "RNNT"),
    Claim(39, "Tiles, chips", (142, 5), "", TRANSDUCER),
    Claim(40, "Tiles of chip 1", 32, "tiles", "Methods, RNNT mapping"),
    Claim(41, "Chip 5: tiles, of, weights", (13, 34, 1.8e6), "", POWER),
    Claim(42, "PCM devices", 140e6, "PCMs", "Fig. 4g", ">="),
    Claim(43, "PCMs per weight: nominal, expanded", (2.9, 3.1), "", "Fig. 4g"),
    Claim(44, "Emb x Wx: rows, columns, copies", (28, 1280, 9), "", "Methods, RNNT mapping"),
    Claim(45, "Rows of Enc-LSTM0 Wx, 1 Wx, 2 Wx, Enc-FC", (960, 1024, 2048, 1024), "rows", "Methods, RNNT mapping"),
    Claim(46, "Output slots of chips 1 to 5", (3, 3, 3, 3, 1), "slots", "Fig. 4f"),
    Claim(47, "Layers in asymmetry balance", "Enc-LSTM0, Enc-LSTM1, Enc-LSTM2 Wh, Dec", "", "Methods, RNNT mapping"),
    Claim(48, "Calibration frames for each layer", 2000, "frames", "Methods, RNNT mapping"),
    Claim(49, "Data types on the way", "FP32, INT9, duration, UINT8, FP32", "", "Extended Data Fig. 6"),
    Claim(50, "Queries", 2513, "queries", "Accuracy results"),
    Claim(51, "Word error rate, all five chips", 9.475, "%", "Fig. 5b"),
    Claim(52, "Word error rate after a week of drift", 9.894, "%", "Fig. 5c"),
    Claim(53, "Word error rate with weight expansion", 9.258, "%", "Fig. 5f"),
    Claim(54, "Share of the software's accuracy", 98.1, "%", "Introduction"),
    Claim(55, "Enc-LSTM0 at 3.5 bits: plain, expanded", (42, 7.9), "%", "Fig. 5e"),
    Claim(56, "Expansion: power of signal, noise with rows", (1, 0.5), "", "Fig. 5d"),
    Claim(57, "Weight expansion: rows, from", (1024, 240), "rows", "Fig. 5"),
    Claim(58, "Layer with the largest error alone", "Enc-LSTM0", "", "Fig. 5a"),
    Claim(59, "Effective precision", 4.097, "bits", "Methods, RNNT MAC"),
    Claim(60, "LSTM sums that matter", (-5, 5), "", "Extended Data Fig. 8"),
    Claim(61, "Weights within 20 % of the largest", 99, "%", "Extended Data Fig. 4"),
    Claim(62, "Supplies", "1.5, 0.8, 1.8, 3.0, 0.75, 0.3 V", "", "Methods, Chip fabrication"),
    Claim(63, "Capacitor: units, of, typically used", (8, 50, 250), "fF", "Methods, Periphery"),
    Claim(64, "Read voltage", 0.3, "V", "Methods, Chip fabrication"),
    Claim(65, "PCM: heater's diameter, height", (35, 50), "nm", "Methods, Chip fabrication"),
    Claim(66, "Off-chip link: pins, rate of one, of all", (384, 100, 38.4), "MHz, Gb/s", "Methods, Chip fabrication"),
    Claim(67, "Time of a product: chips 1-4, chip 5", (2.1, 1.5), "µs", "Methods, Performance"),
    Claim(68, "Phases: chips 1-4, chip 5; length", (7, 5, 300), "ns", "Methods, Performance"),
    Claim(69, "Digital time of a layer", 300, "ns", "Methods, Performance"),
    Claim(70, "Time for all queries", 1.2877, "s", "Methods, Performance"),
    Claim(71, "Throughput", 1951.59, "samples/s", "Methods, Performance"),
    Claim(72, "Mean time of a query", 500, "µs", "Fig. 6d"),
    Claim(73, "Real audio", 260, "min", "Fig. 6d"),
    Claim(74, "Real-time factor", 8e-5, "", "Fig. 6d"),
    Claim(75, "Chip 4", 12.40, "TOPS/W", "Fig. 6a"),
    Claim(76, "Half the integration time: chip 4, gain", (15.4, 25), "TOPS/W, %", "Fig. 6b"),
    Claim(77, "Tile at its peak", 20.0, "TOPS/W", "Fig. 6c"),
    Claim(78, "Five chips", 7.09, "TOPS/W", "Fig. 6c"),
    Claim(79, "System", (6.94, 4.44), "TOPS/W, J", "Fig. 6c"),
    Claim(80, "System with expansion", (6.704, 4.60, 3.57, 546.6), "TOPS/W, J, W, 1/(s W)", "Fig. 6f"),
    Claim(81, "Digital energy: nominal, expanded", (0.11, 0.26), "J", "Methods, Performance"),
    Claim(82, "Analog to digital operations: nominal, expanded", (325, 88), ": 1", "Fig. 6e"),
    Claim(83, "Operations on analog tiles", 99, "%", "Introduction"),
    Claim(84, "MLPerf submissions: least, most", (3.98, 38.88), "samples/s/W", "Methods, Performance"),
    Claim(85, "Better than the best of them", 14, "x", "Fig. 6f"),
    Claim(86, "Predicted before, against GPUs", (40, 140), "x", "Introduction"),
    Claim(87, "Batch", 1, "", "Methods, Performance"),
)
