"""The mapper: cuts every weight matrix into blocks of a tile's size, and says which sums stay analog."""

from __future__ import annotations

from collections.abc import Mapping as Dict

from pcmesh.errors import CapacityError, ConfigurationError, UnsupportedModelError
from pcmesh.hardware import ChipSpec
from pcmesh.mapping.encodings import Encoding
from pcmesh.mapping.options import LayerOptions
from pcmesh.mapping.types import Block, ColumnGroup, Lane, LayerMapping, Mapping, TileImage
from pcmesh.network import AnalogLayer, LayerGraph

Interval = tuple[int, int]

TILES_PER_BANK = 2


def map_network(graph: LayerGraph, chip: ChipSpec, options: Dict[str, LayerOptions] | None = None) -> Mapping:
    """Cut the weights of all analog layers into tile images and column groups.

    Rows fill `chip.tile.rows` a block: with AB and 4-PCM a block takes both device pairs of a tile, with 2-PCM two
    consecutive blocks take WP1 and WP2. Up to two tiles share a bank of capacitors; longer sums are cut into several
    groups that are added digitally. Vectors that go from tile to tile are cut alike on both sides.

    Args:
        graph: the network.
        chip: the chip, for its tile size.
        options: layer name -> options; layers that are not named get the defaults.

    Raises:
        ConfigurationError: an option names no layer, or a lane is asked for where it cannot be.
        UnsupportedModelError: a vector cannot go from tile to tile (signed, or the sum that makes it is not whole).
        CapacityError: the sum behind a tile-to-tile vector needs more rows than a bank of capacitors sees.
    """
    graph.verify()
    chosen = dict(options or {})
    unknown = sorted(set(chosen) - {layer.name for layer in graph.layers})
    if unknown:
        raise ConfigurationError(
            f"mapping options for unknown layer {unknown[0]!r}",
            f"Layers of {graph.name}: {', '.join(layer.name for layer in graph.layers)}",
        )
    layers: list[LayerMapping] = []
    tiles: list[TileImage] = []
    groups: list[ColumnGroup] = []
    for layer in graph.layers:
        _map_layer(graph, layer, chip, chosen.get(layer.name, LayerOptions()), layers, tiles, groups)
    mapping = Mapping(
        network=graph.name,
        tile_rows=chip.tile.rows,
        tile_columns=chip.tile.columns,
        layers=tuple(layers),
        tiles=tuple(tiles),
        groups=tuple(groups),
    )
    mapping.verify()
    return mapping


def _map_layer(
    graph: LayerGraph,
    layer: AnalogLayer,
    chip: ChipSpec,
    options: LayerOptions,
    layers: list[LayerMapping],
    tiles: list[TileImage],
    groups: list[ColumnGroup],
) -> None:
    rows, columns = (int(size) for size in graph.weights[layer.name].shape)
    # A wire carries row i or column i: a vector that stays on the chip is cut where both ends of the way agree.
    on_chip = min(chip.tile.rows, chip.tile.columns)
    row_blocks = _cut(rows, on_chip if graph.producer(layer.input) else chip.tile.rows)
    column_blocks = _cut(columns, on_chip if graph.consumers(layer.output) else chip.tile.columns)
    stacks = _stacks(row_blocks, options.encoding)
    _check_options(layer, options, column_blocks, chip)
    if graph.consumers(layer.output):
        _check_hand_over(layer, chip, options)
        _check_one_bank(layer, stacks, options, chip, "its output goes from tile to tile")
    elif not layer.function.is_linear:
        _check_one_bank(layer, stacks, options, chip, f"its ramp makes a {layer.activation}")
    for block, (start, stop) in enumerate(column_blocks):
        ordered = stacks[::-1] if block in options.first_rows_south else stacks
        shared = options.share_capacitors and block not in options.digital_sums
        step = TILES_PER_BANK if shared else 1
        for first in range(0, len(stacks), step):
            members = ordered[first : first + step]
            numbers = range(len(tiles), len(tiles) + len(members))
            tiles.extend(
                _image(layer.name, number, len(groups), options.encoding, stack, (start, stop))
                for number, stack in zip(numbers, members, strict=True)
            )
            groups.append(
                ColumnGroup(
                    index=len(groups),
                    layer=layer.name,
                    tiles=tuple(numbers),
                    column_start=start,
                    column_stop=stop,
                    lane=options.lane if block == len(column_blocks) - 1 else Lane.ALL,
                )
            )
    layers.append(
        LayerMapping(
            layer=layer.name,
            input=layer.input,
            output=layer.output,
            rows=rows,
            columns=columns,
            encoding=options.encoding,
            signed_input=graph.vector(layer.input).signed,
            share_capacitors=options.share_capacitors and len(stacks) > 1,
            chip=options.chip,
            why=_why(options, len(row_blocks), len(column_blocks), len(stacks)),
        )
    )


def _cut(size: int, block: int) -> list[Interval]:
    return [(start, min(start + block, size)) for start in range(0, size, block)]


def _stacks(row_blocks: list[Interval], encoding: Encoding) -> list[list[Interval]]:
    """Return, tile after tile, the row blocks that lie on its device pairs."""
    per_tile = encoding.record.row_blocks
    return [row_blocks[first : first + per_tile] for first in range(0, len(row_blocks), per_tile)]


def _image(
    layer: str, index: int, group: int, encoding: Encoding, stack: list[Interval], columns: Interval
) -> TileImage:
    blocks = [
        Block(layer=layer, row_start=start, row_stop=stop, column_start=columns[0], column_stop=columns[1])
        for start, stop in stack
    ]
    own = (*blocks[1:], None)[0] if encoding.record.stacked else blocks[0].second(encoding)
    return TileImage(index=index, group=group, encoding=encoding, wp1=blocks[0], wp2=own)


def _check_options(layer: AnalogLayer, options: LayerOptions, column_blocks: list[Interval], chip: ChipSpec) -> None:
    for name in ("digital_sums", "first_rows_south"):
        beyond = sorted(block for block in getattr(options, name) if not 0 <= block < len(column_blocks))
        if beyond:
            raise ConfigurationError(
                f"layer {layer.name}: {name} names column block {beyond[0]}, the last one is {len(column_blocks) - 1}"
            )
    start, stop = column_blocks[-1]
    if options.lane is not Lane.ALL and 2 * (stop - start) > chip.tile.columns:
        raise ConfigurationError(
            f"layer {layer.name}: {stop - start} columns do not fit on the {options.lane} columns of a tile "
            f"({chip.tile.columns // 2})",
            "Use lane = all",
        )


def _check_hand_over(layer: AnalogLayer, chip: ChipSpec, options: LayerOptions) -> None:
    """Refuse what cannot go from tile to tile: durations carry no sign."""
    if layer.function.is_linear:
        raise UnsupportedModelError(
            f"layer {layer.name}: its signed output feeds another layer's rows, and durations carry no sign",
            "Put a ReLU, a hard sigmoid, a hard tanh or a digital operation between the two layers",
        )
    if not chip.timing.hands_over:
        raise ConfigurationError(
            f"layer {layer.name}: its output pulses go from tile to tile, but timing.output_max_ns = "
            f"{chip.timing.output_max_ns} and input_max_ns = {chip.timing.input_max_ns}",
            "Set both alike",
        )
    if options.lane is not Lane.ALL:
        raise ConfigurationError(f"layer {layer.name}: lane = {options.lane} but its output stays on the chip")


def _check_one_bank(
    layer: AnalogLayer, stacks: list[list[Interval]], options: LayerOptions, chip: ChipSpec, why: str
) -> None:
    """Refuse an activation of a sum that several banks hold: no digital sum comes before a ramp."""
    limit = TILES_PER_BANK if options.share_capacitors and not options.digital_sums else 1
    if len(stacks) > limit:
        blocks = options.encoding.record.row_blocks
        per_stack = chip.tile.rows * blocks
        remedy = "2-PCM holds twice the rows of a tile" if blocks == 1 else "Split the layer"
        raise CapacityError(
            f"layer {layer.name}: {why}, so its sum must be in one bank of capacitors; it "
            f"needs {len(stacks)} tiles, {limit} can be summed ({limit * per_stack} rows in {options.encoding})",
            f"{remedy}, share the capacitors of two tiles, or put a digital operation behind the layer",
        )


def _why(options: LayerOptions, row_blocks: int, column_blocks: int, stacks: int) -> str:
    text = f"{options.encoding}, {row_blocks} row x {column_blocks} column blocks on {stacks * column_blocks} tiles"
    if stacks == 1:
        return text
    if not options.share_capacitors:
        return f"{text}, summed digitally"
    text += ", shared capacitors"
    if stacks > TILES_PER_BANK:
        text += f" ({-(-stacks // TILES_PER_BANK)} partial sums added digitally)"
    if options.digital_sums:
        blocks = ", ".join(str(block) for block in sorted(options.digital_sums))
        text += f", column blocks {blocks} summed digitally"
    return text
