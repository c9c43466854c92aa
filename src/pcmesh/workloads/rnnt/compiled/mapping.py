"""How the paper maps the RNN-T onto five chips."""

from __future__ import annotations

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import Encoding, Lane, LayerOptions
from pcmesh.workloads.rnnt.widths import RnntWidths

# Column groups 1 and 2 of Wx on chips 1 to 3 are added digitally (Methods: "blocks 1(-1), 9(-9) and 2(-2), 10(-10)").
DIGITAL_COLUMN_GROUPS = 2


def paper_options(widths: RnntWidths, chip: ChipSpec) -> dict[str, LayerOptions]:
    """Return the mapping options of the paper: encodings, chips, digital sums, lanes.

    AB for the layers that are sensitive (Enc-LSTM0, 1, Enc-LSTM2 Wh, the decoder), 2-PCM for the others; one chip for
    each of Enc-LSTM0..2, one for Enc-LSTM3, 4 and Enc-FC, one for the decoder. The half-filled last tiles of the two
    decoder LSTMs use even and odd columns, so that both leave through one landing pad.

    Source: Methods "RNNT weights and network mapping", Fig. 4e-g, Extended Data Figs. 5, 7.
    """
    blocks = -(-4 * widths.encoder // chip.tile.columns)
    digital = frozenset(range(min(DIGITAL_COLUMN_GROUPS, blocks)))
    options = {
        f"enc-lstm{number}-{matrix}": LayerOptions(
            encoding=Encoding.PCM2 if (number, matrix) == (2, "wx") else Encoding.AB,
            digital_sums=digital if matrix == "wx" else frozenset(),
            chip=number,
        )
        for number in range(3)
        for matrix in ("wx", "wh")
    }
    options |= {name: LayerOptions(encoding=Encoding.PCM2, chip=3) for name in ("enc-lstm3", "enc-lstm4", "enc-fc")}
    # Chip 4 is so full that its five vectors reach all rows at once only when some pairs are stacked the other way.
    options["enc-lstm3"] = options["enc-lstm3"].model_copy(
        update={"first_rows_south": frozenset(range(blocks * 3 // 4, blocks))}
    )
    rest = 4 * widths.prediction % chip.tile.columns
    half_filled = 0 < rest <= chip.tile.columns // 2
    options["dec-lstm0"] = LayerOptions(lane=Lane.EVEN if half_filled else Lane.ALL, chip=4)
    options["dec-lstm1"] = LayerOptions(lane=Lane.ODD if half_filled else Lane.ALL, chip=4)
    options["dec-fc"] = LayerOptions(chip=4)
    return options
