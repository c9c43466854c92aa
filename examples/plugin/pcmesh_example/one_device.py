"""An encoding with one device per weight: G+ holds the weight around half of g_max, G- holds half of g_max for all.

A tile holds as many weights as with 2-PCM, only half of the devices are programmed to a weight, and the signal is half
as large.
"""

from pcmesh.mapping import EncodingRecord, Phase, Second

ONE_DEVICE = EncodingRecord(
    name="one-device",
    meaning="G+ holds the weight around half of g_max",
    second=Second.OTHER_ROWS,
    signed=(
        Phase((1,), 1, "positive"),
        Phase((1,), -1, "negative"),
        Phase((2,), 1, "positive"),
        Phase((2,), -1, "negative"),
    ),
    unsigned=(Phase((1,), 1, "positive"), Phase((2,), 1, "positive")),
    reference=0.5,
)
