"""One table of what happens to every operation of a network: the summary, the mapper and docs/operations.md read it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Where = Literal["analog", "digital", "folded", "moved"]


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


class Rule(NamedTuple):
    """Where an operation is executed, and why; `cost` is its scalar operations for each output element."""

    where: Where
    why: str
    cost: float = 1.0


_TABLE = "the product runs on tiles; bias and folded norms go to the columns' affine map"
_MANY = "sums over the weight's dimensions run on tiles, block-diagonal where it has a matrix for each index"
_STEP = "products of input and state run on tiles step by step; gates and state stay digital in FP32"
_PAIR = "both factors are computed at run time, so neither can be programmed"
_NORM = "needs statistics of the vector, which no tile computes"
_CURVE = "a curve of each element; tiles compute products only"
_ELEMENT = "one operation for each element; tiles compute products only"
_REDUCE = "a sum over elements without weights"
_MOVE = "moves data, computes nothing"

ANALOG: Final[dict[str, Rule]] = {
    "embedding": Rule("analog", "pinned: one-hot rows select the weights of a token"),
    "linear": Rule("analog", _TABLE),
    "addmm": Rule("analog", _TABLE),
    "mm": Rule("analog", _TABLE),
    "matmul": Rule("analog", _TABLE),
    "bmm": Rule("analog", _MANY),
    "baddbmm": Rule("analog", _MANY),
    "addbmm": Rule("analog", _MANY),
    "einsum": Rule("analog", _MANY),
    "tensordot": Rule("analog", _MANY),
    "inner": Rule("analog", _MANY),
    "mv": Rule("analog", _MANY),
    "addmv": Rule("analog", _MANY),
    "dot": Rule("analog", _MANY),
    "vdot": Rule("analog", _MANY),
    "linalg_matmul": Rule("analog", _MANY),
    "chain_matmul": Rule("analog", _MANY),
    "linalg_multi_dot": Rule("analog", _MANY),
    "bilinear": Rule("analog", "the first input's product runs on tiles; that with the second input stays digital"),
    "_trilinear": Rule("analog", "the first input's product runs on tiles; that with the second input stays digital"),
    "conv1d": Rule("analog", f"unfolded to rows; {_TABLE}"),
    "conv2d": Rule("analog", f"unfolded to rows; {_TABLE}"),
    "conv3d": Rule("analog", f"unfolded to rows; {_TABLE}"),
    "conv_transpose1d": Rule("analog", "the product runs on tiles; the overlapping outputs are added digitally"),
    "conv_transpose2d": Rule("analog", "the product runs on tiles; the overlapping outputs are added digitally"),
    "conv_transpose3d": Rule("analog", "the product runs on tiles; the overlapping outputs are added digitally"),
    "convolution": Rule("analog", f"unfolded to rows; {_TABLE}"),
    "lstm": Rule("analog", _STEP),
    "gru": Rule("analog", _STEP),
    "rnn_tanh": Rule("analog", _STEP),
    "rnn_relu": Rule("analog", _STEP),
    "lstm_cell": Rule("analog", _STEP),
    "gru_cell": Rule("analog", _STEP),
    "rnn_tanh_cell": Rule("analog", _STEP),
    "rnn_relu_cell": Rule("analog", _STEP),
}
"""Operations that run on tiles where their matrix is a weight (digital where both factors are computed)."""

OTHERS: Final[dict[str, Rule]] = {
    "embedding": Rule("digital", "a look-up in a table; pinned analog, one-hot rows do it on a tile, with noise", 0.0),
    "scaled_dot_product_attention": Rule("digital", _PAIR),
    "batch_norm": Rule("digital", "its factor and term a channel are applied as vector operations", 2.0),
    "layer_norm": Rule("digital", _NORM, 8.0),
    "native_layer_norm": Rule("digital", _NORM, 8.0),
    "rms_norm": Rule("digital", _NORM, 5.0),
    "group_norm": Rule("digital", _NORM, 8.0),
    "instance_norm": Rule("digital", _NORM, 8.0),
    "softmax": Rule("digital", _CURVE, 5.0),
    "log_softmax": Rule("digital", _CURVE, 6.0),
    "gelu": Rule("digital", _CURVE, 8.0),
    "silu": Rule("digital", _CURVE, 5.0),
    "sigmoid": Rule("digital", _CURVE, 4.0),
    "tanh": Rule("digital", _CURVE, 5.0),
    "glu": Rule("digital", _CURVE, 5.0),
    "exp": Rule("digital", _CURVE, 4.0),
    "relu": Rule("digital", "the bias is added digitally, before it"),
    "relu6": Rule("digital", "the bias is added digitally, before it"),
    "hardtanh": Rule("digital", _ELEMENT),
    "dropout": Rule("folded", "does nothing in inference", 0.0),
    "feature_dropout": Rule("folded", "does nothing in inference", 0.0),
    "mean": Rule("digital", _REDUCE),
    "sum": Rule("digital", _REDUCE),
    "amax": Rule("digital", _REDUCE),
    "max_pool1d": Rule("digital", "a maximum, not a product", 4.0),
    "max_pool2d": Rule("digital", "a maximum, not a product", 4.0),
    "max_pool3d": Rule("digital", "a maximum, not a product", 8.0),
    "avg_pool1d": Rule("digital", _REDUCE, 4.0),
    "avg_pool2d": Rule("digital", _REDUCE, 4.0),
    "adaptive_avg_pool1d": Rule("digital", _REDUCE, 4.0),
    "adaptive_avg_pool2d": Rule("digital", _REDUCE, 4.0),
    "add": Rule("digital", _ELEMENT),
    "sub": Rule("digital", _ELEMENT),
    "mul": Rule("digital", _ELEMENT),
    "div": Rule("digital", _ELEMENT),
    "pow": Rule("digital", _ELEMENT),
    "where": Rule("digital", _ELEMENT),
}

MOVES: Final[frozenset[str]] = frozenset(
    words(
        "view reshape flatten unflatten transpose permute t contiguous clone squeeze unsqueeze slice select cat "
        "stack split split_with_sizes chunk unbind expand expand_as repeat pad constant_pad_nd index gather "
        "narrow alias detach to _to_copy lift_fresh_copy zeros ones full zeros_like ones_like full_like arange "
        "empty new_zeros new_ones new_full roll flip tile movedim swapaxes numpy_T item sym_size sym_numel "
        "unsafe_split split_copy tril triu scalar_tensor index_select pixel_shuffle im2col unfold copy_ copy "
        "fill_ identity type_as _unsafe_view lift_fresh tensor_split as_strided diagonal broadcast_to view_as "
        "repeat_interleave is_floating_point _pack_padded_sequence _pad_packed_sequence _local_scalar_dense "
    )
)

NOTHING_SUMMED: Final = Rule("digital", "scales by a weight: nothing is summed, as a column of a tile would")
OF_NO_WEIGHT: Final = Rule("digital", "its matrix is made by the network's code, of no weight, buffer or input")
WHOLE_NUMBERS: Final = Rule("digital", "a product of whole numbers, which tiles give only nearly")
COMPUTED_BIAS: Final = Rule("digital", "its bias is computed at run time, which pcmesh does not take apart from it")
FUSED: Final = Rule("digital", "attention stays in one piece, although some of its queries, keys or values are weights")
NOT_TAKEN_APART: Final = Rule("digital", "uses a weight in a way that pcmesh does not take apart into products")
ANY_OTHER: Final = Rule("digital", _ELEMENT)
COMPUTED_FACTORS: Final = Rule("digital", _PAIR)
CONSTANT: Final = Rule("folded", "depends on weights alone, so it is computed once, when compiling", 0.0)
BATCH_NORM_FOLDED: Final = Rule("folded", "into the affine map of the columns that make its input", 0.0)
HANDED_OVER: Final = Rule("analog", "the ramp starts at zero, so that a negative sum makes no pulse", 0.0)
UNKNOWN_KEY = "any other"


def rule_of(operation: str) -> Rule:
    """Return the rule of an operation that is not a product with a weight (aten name without overload)."""
    if operation.startswith("_scaled_dot_product"):
        return OTHERS["scaled_dot_product_attention"]
    if operation in MOVES:
        return Rule("moved", _MOVE, 0.0)
    if operation in ANALOG and operation not in OTHERS:
        return COMPUTED_FACTORS
    return OTHERS.get(operation.rstrip("_"), OTHERS.get(operation, ANY_OTHER))


def operations_table() -> str:
    """Return the table of docs/operations.md (Markdown)."""
    rows = [("Operation (ATen)", "Where", "Why")]
    rows += [
        (f"`{name}` with a weight" if name not in OTHERS else f"`{name}` with an encoding pinned", rule.where, rule.why)
        for name, rule in ANALOG.items()
    ]
    products = ", ".join(f"`{name}`" for name in ("matmul", "bmm", "linear", "conv2d"))
    rows.append((f"{products}, ... of two computed tensors", COMPUTED_FACTORS.where, COMPUTED_FACTORS.why))
    rows.append(("an operation that scales by a weight", NOTHING_SUMMED.where, NOTHING_SUMMED.why))
    rows.append(("a product with a matrix such as `torch.eye(4)`", OF_NO_WEIGHT.where, OF_NO_WEIGHT.why))
    rows.append(("a product of integer tensors", WHOLE_NUMBERS.where, WHOLE_NUMBERS.why))
    rows.append(("a convolution with a computed bias", COMPUTED_BIAS.where, COMPUTED_BIAS.why))
    rows.append(("`scaled_dot_product_attention` with a weight", FUSED.where, FUSED.why))
    rows.append(("`cdist`, `embedding_bag`, ... with a weight", NOT_TAKEN_APART.where, NOT_TAKEN_APART.why))
    rows.append(("`batch_norm` behind a product", BATCH_NORM_FOLDED.where, BATCH_NORM_FOLDED.why))
    rows.append(("anything of weights alone", CONSTANT.where, CONSTANT.why))
    rows += [(f"`{name}`", rule.where, rule.why) for name, rule in OTHERS.items()]
    rows.append((" ".join(f"`{name}`" for name in sorted(MOVES)), "moved", _MOVE))
    rows.append((UNKNOWN_KEY, ANY_OTHER.where, ANY_OTHER.why))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---|---|---|", *lines[1:]])
