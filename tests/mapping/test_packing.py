"""Products on shared tiles: every weight lies in one place, and rectangles do not overlap."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pcmesh.mapping.packing import Layout, layers_of, spread
from pcmesh.network.products import MatrixProduct

TILE = (16, 16)


def product(name: str, rows: int, columns: int) -> MatrixProduct:
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows * 100 + columns))
    return MatrixProduct(name, weight, True, (name,), (name,))


def computed(layout: Layout, name: str, x: torch.Tensor) -> torch.Tensor:
    columns = max(piece.column_stop for piece in layout.pieces[name])
    out = torch.zeros(x.shape[0], columns)
    for piece in layout.pieces[name]:
        weight = layout.graph.weights[piece.layer]
        width = piece.column_stop - piece.column_start
        y = spread(x[:, piece.row_start : piece.row_stop], piece, weight.shape[0]) @ weight
        out[:, piece.column_start : piece.column_stop] += y[:, piece.column : piece.column + width]
    return out * layout.scale[name]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=6))
def test_packed_products_are_the_products(sizes: list[tuple[int, int]]):
    products = [product(f"p{number}", *size) for number, size in enumerate(sizes)]
    layout = layers_of("net", products, TILE, dict.fromkeys((p.name for p in products), "alike"))
    for entry in products:
        x = torch.randn(3, entry.rows, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(computed(layout, entry.name, x), x @ entry.weight, rtol=1e-4, atol=1e-4)
    for sheet in layout.sheets:
        matrix = layout.graph.weights[sheet]
        assert matrix.shape[0] <= TILE[0]
        assert matrix.shape[1] <= TILE[1]
        pieces = [piece for _, piece in layout.pieces_of(sheet)]
        area = sum((p.row_stop - p.row_start) * (p.column_stop - p.column_start) for p in pieces)
        assert area == int((matrix != 0).sum())


def test_small_products_share_a_tile():
    products = [product("a", 8, 8), product("b", 8, 8), product("c", 8, 16)]
    layout = layers_of("net", products, TILE, dict.fromkeys("abc", "alike"))
    assert len(layout.graph.layers) == 1
    assert layout.sheets == ("sheet0",)
    assert not layout.is_whole("a")


def test_only_products_that_are_mapped_alike_share_a_tile():
    products = [product("a", 8, 8), product("b", 8, 8), product("sheet0", 8, 8)]
    layout = layers_of("net", products, TILE, {"a": "AB", "b": "4-PCM"})
    assert {layer.name for layer in layout.graph.layers} == {"sheet0", "sheet1", "sheet2"}
    assert [layout.pieces[name][0].layer for name in ("a", "b", "sheet0")] == ["sheet1", "sheet2", "sheet0"]
    torch.testing.assert_close(layout.graph.weights["sheet0"], products[2].weight)
