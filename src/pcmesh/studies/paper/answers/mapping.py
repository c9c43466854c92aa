"""The RNN-T on five chips: read off the mapping, the placement and the routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from pcmesh.mapping import Encoding
from pcmesh.placement.chips import assign_chips
from pcmesh.studies.paper.experiments import Experiments
from pcmesh.studies.paper.found import Found, computed, given
from pcmesh.studies.paper.layers import one_layer
from pcmesh.workloads.rnnt.compiled.footprint import layer_weights
from pcmesh.workloads.rnnt.compiled.graph import random_network, rnnt_graph
from pcmesh.workloads.rnnt.network import RnntNetwork
from pcmesh.workloads.rnnt.widths import RnntWidths

NAMES = (
    ("Enc-LSTM0", ("enc-lstm0-wx", "enc-lstm0-wh")),
    ("Enc-LSTM1", ("enc-lstm1-wx", "enc-lstm1-wh")),
    ("Enc-LSTM2 Wx", ("enc-lstm2-wx",)),
    ("Enc-LSTM2 Wh", ("enc-lstm2-wh",)),
    ("Enc-LSTM3", ("enc-lstm3",)),
    ("Enc-LSTM4", ("enc-lstm4",)),
    ("Enc-FC", ("enc-fc",)),
    ("Dec", ("dec-lstm0", "dec-lstm1", "dec-fc")),
)


def _weights() -> int:
    held = layer_weights(RnntWidths())
    return sum(held[layer] for _, layers in NAMES for layer in layers)


def _on(e: Experiments, chip: int) -> list[int]:
    return [tile for tile, place in enumerate(e.rnnt.placement.places) if place.chip == chip]


def joint(_: Experiments) -> Found:
    """Look at the network."""
    with torch.device("meta"):
        last = RnntNetwork().joint.net[-1]
    return given((last.in_features, last.out_features), "of the network's shape")  # type: ignore[arg-type]


def parameters(_: Experiments) -> Found:
    """Count what the published file's shapes hold."""
    with torch.device("meta"):
        total = RnntNetwork().parameters_total
    return computed(total, "weights and biases of the published file; the paper counts 1,728 fewer biases")


def mapped(e: Experiments) -> Found:
    """Sum the weights that the mapped layers stand for."""
    held = layer_weights(RnntWidths())
    total = sum(held[layer.layer] for layer in e.rnnt.mapping.layers)
    with torch.device("meta"):
        return computed((total, 100 * total / RnntNetwork().parameters_total))


def capacity(e: Experiments) -> Found:
    """Widen a layer that uses all rows, two devices a weight, until it needs a second chip."""
    rows, columns = 2 * e.chip.tile.rows, e.chip.tile.columns

    def fits(count: int) -> bool:
        return len(set(assign_chips(one_layer(e.chip, rows, count * columns), e.chip))) == 1

    widest = e.chip.tiles
    while widest > 1 and not fits(widest):
        widest -= 1
    while fits(widest + 1):
        widest += 1
    return computed(rows * columns * widest, f"largest layer that the placer puts on one chip: {widest} tiles")


def tiles(e: Experiments) -> Found:
    """Count tiles."""
    return computed((len(e.rnnt.mapping.tiles), len({place.chip for place in e.rnnt.placement.places})))


def first_chip(e: Experiments) -> Found:
    """Count tiles."""
    return computed(len(_on(e, 0)))


def last_chip(e: Experiments) -> Found:
    """Count tiles and weights of the decoder's chip."""
    held = layer_weights(RnntWidths())
    layers = {e.rnnt.mapping.tiles[tile].wp1.layer for tile in _on(e, 4)}
    return computed((len(_on(e, 4)), e.chip.tiles, sum(held[layer] for layer in layers)))


def devices(e: Experiments) -> Found:
    """Count devices that hold a weight."""
    return computed(e.rnnt.mapping.devices, f"{e.rnnt_expanded.mapping.devices:,} with expansion")


def per_weight(e: Experiments) -> Found:
    """Divide devices by weights, input rows counted once as the paper must have."""
    widths, total = RnntWidths(), _weights()
    copies = (widths.input_copies - 1) * widths.features * 4 * widths.encoder * 4
    note = f"without the input's copies; {e.rnnt.mapping.devices / total:.2f} with them"
    once, expanded = e.rnnt.mapping.devices - copies, e.rnnt_expanded.mapping.devices
    return computed((once / total, expanded / total), note)


def embedding(_: Experiments) -> Found:
    """Check that nine copies of a ninth are the product of both matrices."""
    network = random_network(RnntWidths())
    held = rnnt_graph(network).weights["dec-lstm0"]
    product = network.prediction.embed.weight @ network.get_parameter("prediction.dec_rnn.lstm.weight_ih_l0").T
    rows, columns = product.shape
    copies = (held.shape[0] - network.widths.prediction) // rows
    summed = held[: copies * rows].view(copies, rows, columns).sum(0)
    error = float((summed - product).abs().max() / product.abs().max())
    return given((rows, columns, copies), f"of the network's shape; the copies add up to Emb x Wx within {error:.0e}")


def sizes(e: Experiments) -> Found:
    """Read the matrices' rows."""
    names = ("enc-lstm0-wx", "enc-lstm1-wx", "enc-lstm2-wx", "enc-fc")
    return computed(tuple(float(e.rnnt.mapping.layer(name).rows) for name in names), "columns: 4,096; Enc-FC 512")


def slots(e: Experiments) -> Found:
    """Read the schedules."""
    return computed(tuple(float(schedule.output_slots) for schedule in e.rnnt.routing.chips))


def balanced(e: Experiments) -> Found:
    """See which tiles hold -W on WP2."""
    negated: dict[str, list[bool]] = {}
    for tile in e.rnnt.mapping.tiles:
        is_negated = tile.encoding is Encoding.AB and tile.wp2 == tile.wp1.model_copy(update={"sign": -1})
        negated.setdefault(tile.wp1.layer, []).append(is_negated)
    found = [name for name, layers in NAMES if all(all(negated[layer]) for layer in layers)]
    return given(", ".join(found), "layers all of whose tiles hold -W on WP2; the choice is the paper's")


def expanded_rows(e: Experiments) -> Found:
    """Compare both mappings."""
    rows = e.rnnt_expanded.mapping.layer("enc-lstm0-wx").rows
    same = len(e.rnnt_expanded.mapping.tiles) == len(e.rnnt.mapping.tiles)
    return given((rows, RnntWidths().features), "on as many tiles" if same else "on another number of tiles")


def product_time(e: Experiments) -> Found:
    """Count the steps of the schedules."""
    times = [len(schedule.steps) * e.chip.timing.step_ns / 1000 for schedule in e.rnnt.routing.chips]
    return computed((max(times[:4]), times[4]), "steps of the routed schedules")


def phases(e: Experiments) -> Found:
    """Count integrations and output slots."""
    counts = [schedule.integration_steps + schedule.output_slots for schedule in e.rnnt.routing.chips]
    return computed((max(counts[:4]), counts[4], e.chip.timing.step_ns), "integrations and output slots")


ANSWERS: Mapping[int, Callable[[Experiments], Found]] = {
    35: joint,
    36: parameters,
    37: mapped,
    38: capacity,
    39: tiles,
    40: first_chip,
    41: last_chip,
    42: devices,
    43: per_weight,
    44: embedding,
    45: sizes,
    46: slots,
    47: balanced,
    57: expanded_rows,
    67: product_time,
    68: phases,
}
