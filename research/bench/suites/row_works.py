"""What the suite `rows` times: each function, as each side computes it, and how much memory it moves."""

import dataclasses
from collections.abc import Callable

import torch
from torch.nn import functional as F

from strata import ops, pointwise
from strata.nn import functional as fused

_SILU_MUL = "{0} x0, {0} x1; v0 = sigmoid(x0); v1 = mul(x0, v0); v2 = mul(v1, x1); return v2"


@dataclasses.dataclass
class _Work:
    """One function: how each side computes it, and how many tensors of the input's size it moves."""

    needs: tuple  # operators
    ours: Callable
    theirs: Callable
    moved: int
    tensors: int = 1  # of the full shape; then come the tensors named in `extra`
    moved_back: int | None = None  # by the gradient, where there is one
    nodes: list | None = None  # for ONNX Runtime
    extra: tuple = ()
    compare: Callable | None = None
    channels: Callable | None = None  # of an image's row, by its width: [N, D] is then [N, channels, D / channels]


def _norm(t):
    return (t.shape[-1],)


def _silu_mul(x, y):
    """A chain as one program of the pointwise operator."""
    return ops.pointwise([x, y], _SILU_MUL.format(str(x.dtype).removeprefix("torch.")))[0]


def _chain(x, y):
    """A longer one: select, square root, division."""
    return torch.where(x > y, torch.exp(-x * x) * y + 0.5, torch.sqrt(x.abs() + 1) / (y * y + 1))


def _dropout(x, seed):
    return torch.where(pointwise.uniform(seed, 0) < 0.1, 0.0, x * (1 / 0.9))


_FUSED_CHAIN, _FUSED_DROPOUT, _SEED = pointwise.fuse(_chain), pointwise.fuse(_dropout), torch.tensor(1)


def _tensor(result):
    return result[0] if isinstance(result, tuple) else result


def _as_many_zeros(ours, theirs, side):
    """Draws differ from side to side; how many are zero does not, by much."""
    share = [float(_tensor(t).eq(0).double().mean()) for t in (ours, theirs)]
    allowed = 0.01 + 3 / _tensor(ours).numel() ** 0.5
    return "" if abs(share[0] - share[1]) < allowed else f"zeros: {share[0]:.3f} and {share[1]:.3f}"


def _of_image(width):
    """Channels: 64, of 48 places at least where the row has them, as the smallest maps of image models (7 by 7)."""
    return max(2, min(64, width // 48))


def _groups(channels):
    """How many there are of two channels each."""
    return channels.shape[0] // 2


def _normed(x, mean, var, w, b):
    return F.batch_norm(x, mean, var, w, b, eps=1e-5)


def _rotated(x, cos, sin, at):
    """Each token's heads turned by its angles, the two halves of a head being the pairs."""
    c, s = cos[at][:, None], sin[at][:, None]
    first, second = x.chunk(2, -1)
    return torch.cat([first * c - second * s, second * c + first * s], -1)


_CHANNELS, _STATISTICS = ("channel weight", "channel bias"), ("mean", "var", "channel weight", "channel bias")

WORKS = {
    "layer_norm": _Work(
        ("layer_norm",),
        lambda x, w, b: ops.layer_norm(x, w, b),
        lambda x, w, b: F.layer_norm(x, _norm(x), w, b),
        2,
        extra=("weight", "bias"),
        moved_back=3,
        nodes=[("LayerNormalization", ("x0", "v0", "v1"), ("y",), {"epsilon": 1e-5})],
    ),
    "rms_norm": _Work(
        ("rms_norm",),
        lambda x, w: ops.rms_norm(x, w),
        lambda x, w: F.rms_norm(x, _norm(x), w, 1e-6),
        2,
        extra=("weight",),
        moved_back=3,
    ),
    "add_layer_norm": _Work(
        ("add_layer_norm",),
        lambda x, r, w, b: ops.add_layer_norm(x, r, w, b),
        lambda x, r, w, b: (lambda s: (F.layer_norm(s, _norm(s), w, b), s))(x + r),
        4,
        tensors=2,
        extra=("weight", "bias"),
        moved_back=4,
    ),
    "add_rms_norm": _Work(
        ("add_rms_norm",),
        lambda x, r, w: ops.add_rms_norm(x, r, w),
        lambda x, r, w: (lambda s: (F.rms_norm(s, _norm(s), w, 1e-6), s))(x + r),
        4,
        tensors=2,
        extra=("weight",),
        moved_back=4,
    ),
    "softmax": _Work(
        ("softmax",),
        lambda x: ops.softmax(x),
        lambda x: F.softmax(x, -1),
        2,
        moved_back=3,
        nodes=[("Softmax", ("x0",), ("y",), {"axis": -1})],
    ),
    "log_softmax": _Work(
        ("log_softmax",),
        lambda x: ops.log_softmax(x),
        lambda x: F.log_softmax(x, -1),
        2,
        moved_back=3,
        nodes=[("LogSoftmax", ("x0",), ("y",), {"axis": -1})],
    ),
    "gelu": _Work(("gelu",), lambda x: ops.gelu(x), F.gelu, 2, moved_back=3, nodes=[("Gelu", ("x0",), ("y",), {})]),
    "add": _Work(
        ("add",), lambda x, y: ops.add(x, y), torch.add, 3, tensors=2, nodes=[("Add", ("x0", "x1"), ("y",), {})]
    ),
    "group_norm": _Work(
        ("group_norm",),
        lambda x, w, b: ops.group_norm(x, w, b, groups=_groups(w)),
        lambda x, w, b: F.group_norm(x, _groups(w), w, b),
        2,
        extra=_CHANNELS,
        moved_back=3,
        channels=_of_image,
    ),
    "group_norm silu": _Work(
        ("group_norm",),
        lambda x, w, b: ops.group_norm(x, w, b, groups=_groups(w), activation="silu"),
        lambda x, w, b: F.silu(F.group_norm(x, _groups(w), w, b)),
        2,
        extra=_CHANNELS,
        moved_back=3,
        channels=_of_image,
    ),
    "add_group_norm silu": _Work(
        ("add_group_norm",),
        lambda x, r, w, b: ops.add_group_norm(x, r, w, b, groups=_groups(w), activation="silu"),
        lambda x, r, w, b: (lambda s: (F.silu(F.group_norm(s, _groups(w), w, b)), s))(x + r),
        4,
        tensors=2,
        extra=_CHANNELS,
        moved_back=4,
        channels=_of_image,
    ),
    "batch_norm": _Work(
        ("batch_norm",),
        lambda x, *channels: ops.batch_norm(x, *channels),
        _normed,
        2,
        extra=_STATISTICS,
        moved_back=3,
        channels=_of_image,
    ),
    "batch_norm add relu": _Work(
        ("batch_norm_backward",),
        lambda x, r, *channels: ops.batch_norm(x, *channels, r, activation="relu"),
        lambda x, r, *channels: F.relu(_normed(x, *channels) + r),
        3,
        tensors=2,
        extra=_STATISTICS,
        moved_back=5,
        channels=_of_image,
    ),
    "silu * y": _Work(("pointwise",), _silu_mul, lambda x, y: F.silu(x) * y, 3, tensors=2, moved_back=5),
    "swiglu": _Work(("pointwise",), fused.swiglu, lambda x, y: F.silu(x) * y, 3, tensors=2, moved_back=5),
    "pointwise chain": _Work(("pointwise",), _FUSED_CHAIN, _chain, 3, tensors=2, moved_back=5),
    "dropout": _Work(
        ("pointwise",),
        lambda x: _FUSED_DROPOUT(x, _SEED),
        lambda x: F.dropout(x, 0.1),
        2,
        moved_back=2,
        compare=_as_many_zeros,
    ),
    "cross_entropy": _Work(
        ("cross_entropy",),
        lambda x, t: ops.cross_entropy(x, t)[0],
        lambda x, t: F.cross_entropy(x, t, reduction="none"),
        1,
        extra=("target",),
        moved_back=2,
    ),
}

# Beyond what the goals name: sums, and what moves memory alone. The gradients of copies are views, on both sides.
WORKS |= {
    "sum of rows": _Work(("reduce",), lambda x: ops.reduce(x), lambda x: x.sum(-1), 1),
    "sum of columns": _Work(
        ("reduce_outer",), lambda x: ops.reduce_outer(x.unsqueeze(0)).squeeze(0), lambda x: x.sum(0), 1
    ),
    "variance of rows": _Work(
        ("reduce",), lambda x: ops.reduce(x, "var"), lambda x: x.var(-1), 1, moved_back=2
    ),
    "segment_pool": _Work(
        ("segment_pool",),
        lambda x, offsets: ops.segment_pool(x, offsets),
        lambda x, offsets: torch.segment_reduce(x, "mean", offsets=offsets),
        1,
        extra=("offsets",),
        moved_back=1,
    ),
    "embedding": _Work(
        ("embedding",),
        lambda x, ids: ops.embedding(x, ids),
        lambda x, ids: F.embedding(ids, x),
        2,
        extra=("ids",),
        moved_back=2,
    ),
    "rotary": _Work(
        ("rotary",),
        lambda x, cos, sin, at: ops.rotary(x, cos, sin, at),
        _rotated,
        2,
        extra=("cos", "sin", "positions"),
        moved_back=2,
        channels=lambda width: max(1, width // 32),
    ),
    "copy of a transpose": _Work(("copy",), lambda x: ops.copy(x.t()), lambda x: x.t().contiguous(), 2),
    "concat": _Work(
        ("concat",),
        lambda x, y: ops.concat([x, y], 1),
        lambda x, y: torch.cat([x, y], 1),
        4,
        tensors=2,
    ),
}
