"""One record for every operation of a network: the summary, the mapper, capture and docs/operations.md read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

from pcmesh.network.operations import cost as count
from pcmesh.network.operations import rewrite
from pcmesh.network.operations import sign_rules as sign
from pcmesh.network.operations.records import (
    ANY_OTHER,
    BATCH_NORM_FOLDED,
    COMPUTED_BIAS,
    COMPUTED_FACTORS,
    CONSTANT,
    ELEMENT,
    FUSED,
    MOVED,
    NOT_TAKEN_APART,
    NOTHING_SUMMED,
    OF_NO_WEIGHT,
    ON_RAMP,
    PAIR,
    WHOLE_NUMBERS,
    OperationRecord,
    Rule,
)
from pcmesh.registry import Registry

_TABLE = "the product runs on tiles; bias and folded norms go to the columns' affine map"
_MANY = "sums over the weight's dimensions run on tiles, block-diagonal where it has a matrix for each index"
_STEP = "products of input and state run on tiles step by step; gates and state stay digital in FP32"
_NORM = "needs statistics of the vector, which no tile computes"
_CURVE = "a curve of each element; tiles compute products only"
_REDUCE = "a sum over elements without weights"


def _records(names: str, **fields: Any) -> Mapping[str, OperationRecord]:
    return dict.fromkeys(names.split(), OperationRecord(**fields))


OPERATIONS: Final[Mapping[str, OperationRecord]] = {
    **_records(
        "embedding",
        analog=Rule("analog", "pinned: one-hot rows select the weights of a token"),
        digital=Rule("digital", "a look-up in a table; pinned analog, one-hot rows do it on a tile, with noise", 0.0),
        sign=sign.as_input,
        whole_numbers=True,
        rewrite=rewrite.embedding,
    ),
    **_records(
        "linear",
        analog=Rule("analog", _TABLE),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.linear,
        count=count.contraction,
    ),
    **_records(
        "addmm", analog=Rule("analog", _TABLE), digital=COMPUTED_FACTORS, rewrite=rewrite.addmm, count=count.contraction
    ),
    **_records(
        "mm matmul",
        analog=Rule("analog", _TABLE),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.matmul,
        count=count.contraction,
    ),
    **_records(
        "bmm baddbmm addbmm einsum tensordot inner mv addmv dot vdot linalg_matmul chain_matmul linalg_multi_dot",
        analog=Rule("analog", _MANY),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.contraction,
        count=count.contraction,
    ),
    **_records(
        "bilinear _trilinear",
        analog=Rule("analog", "the first input's product runs on tiles; that with the second input stays digital"),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.contraction,
        count=count.contraction,
    ),
    **_records(
        "conv1d",
        analog=Rule("analog", f"unfolded to rows; {_TABLE}"),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.convolution_of(1),
        count=count.convolution,
    ),
    **_records(
        "conv2d",
        analog=Rule("analog", f"unfolded to rows; {_TABLE}"),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.convolution_of(2),
        count=count.convolution,
    ),
    **_records(
        "conv3d",
        analog=Rule("analog", f"unfolded to rows; {_TABLE}"),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.convolution_of(3),
        count=count.convolution,
    ),
    **_records(
        "conv_transpose1d",
        analog=Rule("analog", "the product runs on tiles; the overlapping outputs are added digitally"),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.transposed_of(1),
        count=count.transposed,
    ),
    **_records(
        "conv_transpose2d",
        analog=Rule("analog", "the product runs on tiles; the overlapping outputs are added digitally"),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.transposed_of(2),
        count=count.transposed,
    ),
    **_records(
        "conv_transpose3d",
        analog=Rule("analog", "the product runs on tiles; the overlapping outputs are added digitally"),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.transposed_of(3),
        count=count.transposed,
    ),
    **_records(
        "convolution",
        analog=Rule("analog", f"unfolded to rows; {_TABLE}"),
        digital=COMPUTED_FACTORS,
        count=count.convolution,
    ),
    **_records(
        "lstm",
        analog=Rule("analog", _STEP),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.recurrent_of("lstm"),
        count=count.recurrent,
    ),
    **_records(
        "gru",
        analog=Rule("analog", _STEP),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.recurrent_of("gru"),
        count=count.recurrent,
    ),
    **_records(
        "rnn_tanh",
        analog=Rule("analog", _STEP),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.recurrent_of("rnn_tanh"),
        count=count.recurrent,
    ),
    **_records(
        "rnn_relu",
        analog=Rule("analog", _STEP),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.recurrent_of("rnn_relu"),
        count=count.recurrent,
    ),
    **_records(
        "lstm_cell",
        analog=Rule("analog", _STEP),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.cell_of("lstm"),
        count=count.recurrent,
    ),
    **_records(
        "gru_cell",
        analog=Rule("analog", _STEP),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.cell_of("gru"),
        count=count.recurrent,
    ),
    **_records(
        "rnn_tanh_cell",
        analog=Rule("analog", _STEP),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.cell_of("rnn_tanh"),
        count=count.recurrent,
    ),
    **_records(
        "rnn_relu_cell",
        analog=Rule("analog", _STEP),
        digital=COMPUTED_FACTORS,
        rewrite=rewrite.cell_of("rnn_relu"),
        count=count.recurrent,
    ),
    **_records(
        "scaled_dot_product_attention",
        digital=Rule("digital", PAIR),
        sign=sign.all_of((2, "value", None)),
        count=count.attention,
    ),
    **_records(
        "batch_norm", digital=Rule("digital", "its factor and term a channel are applied as vector operations", 2.0)
    ),
    **_records("layer_norm native_layer_norm group_norm instance_norm", digital=Rule("digital", _NORM, 8.0)),
    **_records("rms_norm", digital=Rule("digital", _NORM, 5.0)),
    **_records(
        "softmax", digital=Rule("digital", _CURVE, 5.0), sign=sign.always, whole_numbers=True, count=count.of_inputs
    ),
    **_records("log_softmax", digital=Rule("digital", _CURVE, 6.0)),
    **_records("gelu", digital=Rule("digital", _CURVE, 8.0), sign=sign.as_input),
    **_records("silu tanh", digital=Rule("digital", _CURVE, 5.0), sign=sign.as_input),
    **_records("sigmoid exp", digital=Rule("digital", _CURVE, 4.0), sign=sign.always, whole_numbers=True),
    **_records("glu", digital=Rule("digital", _CURVE, 5.0)),
    **_records(
        "relu relu6",
        digital=Rule("digital", "the bias is added digitally, before it"),
        sign=sign.always,
        whole_numbers=True,
    ),
    **_records("hardtanh", digital=Rule("digital", ELEMENT), sign=sign.clamp(-1.0, 1.0)),
    **_records(
        "dropout feature_dropout",
        digital=Rule("folded", "does nothing in inference", 0.0),
        sign=sign.as_input,
        whole_numbers=True,
    ),
    **_records("mean sum", digital=Rule("digital", _REDUCE), sign=sign.as_input, count=count.of_inputs),
    **_records("amax", digital=Rule("digital", _REDUCE), sign=sign.as_input, whole_numbers=True),
    **_records(
        "max_pool1d max_pool2d",
        digital=Rule("digital", "a maximum, not a product", 4.0),
        sign=sign.as_input,
        whole_numbers=True,
    ),
    **_records(
        "max_pool3d", digital=Rule("digital", "a maximum, not a product", 8.0), sign=sign.as_input, whole_numbers=True
    ),
    **_records(
        "avg_pool1d adaptive_avg_pool1d adaptive_avg_pool2d", digital=Rule("digital", _REDUCE, 4.0), sign=sign.as_input
    ),
    **_records("avg_pool2d", digital=Rule("digital", _REDUCE, 4.0), sign=sign.pool),
    **_records("add", digital=Rule("digital", ELEMENT), sign=sign.all_of(sign.X, (1, "other", None), (2, "alpha", 1))),
    **_records("sub", digital=Rule("digital", ELEMENT)),
    **_records("mul", digital=Rule("digital", ELEMENT), sign=sign.product),
    **_records("div", digital=Rule("digital", ELEMENT), sign=sign.all_of(sign.X, (1, "other", None))),
    **_records("pow", digital=Rule("digital", ELEMENT), sign=sign.power),
    **_records("where", digital=Rule("digital", ELEMENT), sign=sign.all_of((1, "self", None), (2, "other", None))),
    **_records(
        "_local_scalar_dense _pack_padded_sequence _pad_packed_sequence arange empty is_floating_point item "
        "scalar_tensor split_copy",
        digital=MOVED,
    ),
    **_records("_to_copy to type_as", digital=MOVED, sign=sign.to),
    **_records(
        "_unsafe_view alias as_strided broadcast_to chunk clone contiguous detach diagonal expand expand_as "
        "flatten flip gather identity im2col index index_select lift_fresh lift_fresh_copy movedim narrow "
        "numpy_T permute pixel_shuffle repeat repeat_interleave reshape roll select slice split "
        "split_with_sizes squeeze swapaxes t tensor_split tile transpose tril triu unbind unflatten unfold "
        "unsafe_split unsqueeze view view_as",
        digital=MOVED,
        sign=sign.as_input,
        whole_numbers=True,
    ),
    **_records("cat stack", digital=MOVED, sign=sign.all_of((0, "tensors", None))),
    **_records("constant_pad_nd", digital=MOVED, sign=sign.all_of(sign.X, (2, "value", 0))),
    **_records("copy copy_", digital=MOVED, sign=sign.all_of((1, "src", None))),
    **_records("fill_", digital=MOVED, sign=sign.all_of((1, "value", None))),
    **_records("full full_like", digital=MOVED, sign=sign.all_of((1, "fill_value", None))),
    **_records("new_full", digital=MOVED, sign=sign.all_of((2, "fill_value", None))),
    **_records(
        "new_ones new_zeros ones ones_like sym_numel sym_size zeros zeros_like",
        digital=MOVED,
        sign=sign.always,
        whole_numbers=True,
    ),
    **_records("pad", digital=MOVED, sign=sign.pad),
    **_records(
        "_softmax argmax argmin cdist cosh count_nonzero exp2 eye hardsigmoid linalg_vector_norm norm one_hot "
        "pairwise_distance rsqrt sqrt std zero",
        sign=sign.always,
        whole_numbers=True,
    ),
    **_records("abs absolute square", sign=sign.always),
    **_records(
        "adaptive_avg_pool3d asinh atan ceil celu cumsum elu erf expm1 floor frac hardshrink hardswish "
        "leaky_relu log1p mish prelu prod round selu sign sinh softsign trunc",
        sign=sign.as_input,
    ),
    **_records(
        "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d amin channel_shuffle cummax getitem "
        "masked_select max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices max_unpool2d "
        "max_unpool3d median pixel_unshuffle reflection_pad1d reflection_pad2d reflection_pad3d "
        "replication_pad1d replication_pad2d replication_pad3d rot90 sort take topk upsample_nearest1d "
        "upsample_nearest2d upsample_nearest3d",
        sign=sign.as_input,
        whole_numbers=True,
    ),
    **_records("addcmul", sign=sign.all_of(sign.X, (1, "tensor1", None), (2, "tensor2", None), (3, "value", 1))),
    **_records("multiply", sign=sign.product),
    **_records("true_divide minimum", sign=sign.all_of(sign.X, (1, "other", None))),
    **_records("clamp clip clamp_min", sign=sign.clamp(None, None)),
    **_records("clamp_max", sign=sign.clamp_max),
    **_records("threshold", sign=sign.threshold),
    **_records("softplus", sign=sign.all_of((1, "beta", 1))),
    **_records("maximum", sign=sign.any_of(0, 1)),
    **_records("max", sign=sign.maximum),
    **_records("min", sign=sign.minimum),
    **_records("concat hstack vstack", sign=sign.all_of((0, "tensors", None))),
    **_records("masked_fill", sign=sign.all_of(sign.X, (2, "value", None))),
    **_records("fill", sign=sign.all_of((1, "value", None))),
    **_records("slice_scatter select_scatter", sign=sign.all_of(sign.X, (1, "src", None))),
    **_records("index_put", sign=sign.all_of(sign.X, (2, "values", None))),
    **_records("avg_pool3d", sign=sign.pool),
    **_records("nan_to_num", sign=sign.nan_to_num),
    **_records("conv_tbc", count=count.convolution),
}
"""Operations that pcmesh knows; those with `analog` run on tiles where their matrix is a weight."""

ADDED: Final = Registry("operation", "pcmesh.operations", "pcmesh.network.operations.records:OperationRecord", {})
UNKNOWN: Final = OperationRecord()
UNKNOWN_KEY = "any other"


def record_of(kind: str) -> OperationRecord:
    """Return what is known of an operation: pcmesh's own record, a package's, or that of its form that is not in place.

    Raises:
        ConfigurationError: a package's record cannot be used.
    """
    if kind in OPERATIONS:
        return OPERATIONS[kind]
    if kind in ADDED:
        record: OperationRecord = ADDED.load(kind)
        return record
    return _known_otherwise(kind)


@cache
def _known_otherwise(kind: str) -> OperationRecord:
    if kind.startswith("_scaled_dot_product"):
        return OperationRecord(digital=OPERATIONS["scaled_dot_product_attention"].digital)
    plain = OPERATIONS.get(kind.rstrip("_"), UNKNOWN)
    digital = plain.digital if plain.analog is None else ANY_OTHER
    return replace(plain, digital=digital, analog=None, rewrite=None, count=None)


def operations_table() -> str:
    """Return the table of docs/operations.md (Markdown)."""
    rows = [("Operation (ATen)", "Where", "Why")]
    others = {n: r.digital for n, r in OPERATIONS.items() if r.digital not in (COMPUTED_FACTORS, MOVED, ANY_OTHER)}
    elements = [name for name, record in OPERATIONS.items() if record.digital == ANY_OTHER]
    moves = [name for name, record in OPERATIONS.items() if record.digital == MOVED]
    rows += [
        (f"`{name}` with a weight" if name not in others else f"`{name}` with an encoding pinned", *record.analog[:2])
        for name, record in OPERATIONS.items()
        if record.analog is not None
    ]
    products = ", ".join(f"`{name}`" for name in ("matmul", "bmm", "linear", "conv2d"))
    rows.append((f"{products}, ... of two computed tensors", *COMPUTED_FACTORS[:2]))
    rows.append(("an operation that scales by a weight", *NOTHING_SUMMED[:2]))
    rows.append(("a product with a matrix such as `torch.eye(4)`", *OF_NO_WEIGHT[:2]))
    rows.append(("a product of integer tensors", *WHOLE_NUMBERS[:2]))
    rows.append(("a convolution with a computed bias", *COMPUTED_BIAS[:2]))
    rows.append(("`scaled_dot_product_attention` with a weight", *FUSED[:2]))
    rows.append(("`cdist`, `embedding_bag`, ... with a weight", *NOT_TAKEN_APART[:2]))
    rows.append(("`batch_norm` behind a product", *BATCH_NORM_FOLDED[:2]))
    rows.append(("anything of weights alone", *CONSTANT[:2]))
    rows.append(("`relu`, `relu6` behind `linear`, with `hand_over`", *ON_RAMP["relu"][:2]))
    rows.append(("`hardsigmoid`, `hardtanh`, `clamp` behind `linear`, with `hand_over`", *ON_RAMP["hard-tanh"][:2]))
    rows += [(f"`{name}`", *rule[:2]) for name, rule in others.items()]
    rows.append((" ".join(f"`{name}`" for name in sorted(moves)), *MOVED[:2]))
    rows.append((f"{' '.join(f'`{name}`' for name in sorted(elements))} and {UNKNOWN_KEY}", *ANY_OTHER[:2]))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---|---|---|", *lines[1:]])
