"""Work that memory limits: norms, softmax, pointwise chains, losses. Forward, and backward by itself: the gradient of a
result that was made before. A rate counts each input read and each output written once."""

import torch
from torch.nn import functional as F

from strata import ops, pointwise
from strata.nn import functional as fused

from .. import peers
from ..case import Case, missing, skip

UNIT = "GB/s"
_SILU_MUL = "{0} x0, {0} x1; v0 = sigmoid(x0); v1 = mul(x0, v0); v2 = mul(v1, x1); return v2"
_LARGE, _SMALL = (4096, 4096), (64, 384)


class _Work:
    """One function: how each side computes it, and how many tensors of the input's size it moves."""

    def __init__(self, needs, ours, theirs, moved, tensors=1, moved_back=None, nodes=None, extra=(), compare=None):
        self.needs, self.ours, self.theirs, self.nodes = needs, ours, theirs, nodes
        self.moved, self.moved_back = moved, moved_back
        self.tensors = tensors  # of the full shape; then come vectors of the row's length
        self.extra = extra
        self.compare = compare


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


def _as_image(function):
    """Each [N, D] as [N, 64 channels, D / 64], in groups of two channels."""

    def call(*tensors):
        x, channels = tensors[0], min(64, tensors[0].shape[1])
        images = (t.view(t.shape[0], channels, -1) for t in tensors)
        return function(*images, x.new_ones(channels), x.new_zeros(channels))

    return call


_WORKS = {
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
    "group_norm silu": _Work(
        ("group_norm",),
        _as_image(lambda x, w, b: ops.group_norm(x, w, b, groups=w.shape[0] // 2, activation="silu")),
        _as_image(lambda x, w, b: F.silu(F.group_norm(x, w.shape[0] // 2, w, b))),
        2,
        moved_back=3,
    ),
    "add_group_norm silu": _Work(
        ("add_group_norm",),
        _as_image(lambda x, r, w, b: ops.add_group_norm(x, r, w, b, groups=w.shape[0] // 2, activation="silu")),
        _as_image(lambda x, r, w, b: (lambda s: (F.silu(F.group_norm(s, w.shape[0] // 2, w, b)), s))(x + r)),
        4,
        tensors=2,
        moved_back=4,
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


def _tensors(work, shape, dtype):
    full = [torch.randn(shape).to(dtype) for _ in range(work.tensors)]
    made = {
        "weight": lambda: torch.rand(shape[1]).add(0.5).to(dtype),
        "bias": lambda: torch.randn(shape[1]).to(dtype),
        "target": lambda: torch.randint(shape[1], (shape[0],)),
    }
    return full, [made[e]() for e in work.extra]


def _forward(name, label, shape, dtype, options):
    work = _WORKS[name]
    if reason := missing(*work.needs):
        return skip(label, reason)
    full, vectors = _tensors(work, shape, dtype)
    args = (*full, *vectors)
    sides = {"eager": lambda: work.theirs(*args)}
    sides |= {k: lambda f=f: f(*args) for k, f in peers.compiled(work.theirs, options).items()}
    if work.nodes and dtype == torch.float32:
        inputs = {f"x{i}": t for i, t in enumerate(full)}
        sides |= peers.onnx(work.nodes, inputs, {f"v{i}": t for i, t in enumerate(vectors)}, options.threads)
    size = float(work.moved * full[0].numel() * full[0].element_size())
    return Case(
        label,
        lambda: work.ours(*args),
        sides,
        work=size,
        bytes=size,
        roof="stream",
        dtype=str(dtype).removeprefix("torch."),
        compare=work.compare,
    )


def _backward(name, label, shape, dtype, options):
    work = _WORKS[name]
    if reason := missing(*work.needs):
        return skip(label, reason)
    full, vectors = _tensors(work, shape, dtype)
    args = tuple(t.requires_grad_() if t.is_floating_point() else t for t in (*full, *vectors))
    leaves = [t for t in args if t.requires_grad]

    def gradient(function):
        with torch.enable_grad():
            results = function(*args)
        results = results if isinstance(results, tuple) else (results,)
        torch.manual_seed(1)
        grads = [torch.randn(r.shape).to(r.dtype) for r in results]
        return lambda: torch.autograd.grad(results, leaves, grads, retain_graph=True)

    with torch.enable_grad():
        first = work.ours(*args)
    if not (first[0] if isinstance(first, tuple) else first).requires_grad:
        return skip(label, "no gradient in this build")
    sides = {"eager": gradient(work.theirs)}
    sides |= {k: gradient(f) for k, f in peers.compiled(work.theirs, options).items()}
    size = float(work.moved_back * full[0].numel() * full[0].element_size())
    # A weight's gradient is a sum over all rows, and eager adds it up in bfloat16's own way.
    tolerance = 0.1 if dtype == torch.bfloat16 else 2e-3
    return Case(
        label,
        gradient(work.ours),
        sides,
        work=size,
        bytes=size,
        roof="stream",
        tolerance=tolerance,
        dtype=str(dtype).removeprefix("torch."),
        compare=work.compare,
    )


def _all(options):
    """(label, direction, name, shape, dtype)"""
    for dtype in (torch.float32,) if options.quick else (torch.float32, torch.bfloat16):
        # What bfloat16 gains is memory: small tensors would show the calls again.
        large = (_LARGE,) if dtype == torch.bfloat16 else (_LARGE, _SMALL)
        for shape in ((8, 16),) if options.tiny else large:
            for name, work in _WORKS.items():
                yield f"{name} {shape[0]}x{shape[1]}", _forward, name, shape, dtype
                if work.moved_back:
                    yield f"{name} backward {shape[0]}x{shape[1]}", _backward, name, shape, dtype


def _linear_cross_entropy(label, tokens, width, vocabulary, options):
    """The last linear and its loss, forward and backward: one operator that never holds all logits."""
    if reason := missing("linear_cross_entropy"):
        return skip(label, reason)
    x, w = torch.randn(tokens, width).requires_grad_(), torch.randn(vocabulary, width).mul_(0.05).requires_grad_()
    target = torch.randint(vocabulary, (tokens,))

    def with_gradients(loss):
        def call():
            with torch.enable_grad():
                return torch.autograd.grad(loss(), (x, w))

        return call

    ours = with_gradients(lambda: ops.linear_cross_entropy(x, w, target)[0])
    sides = {"eager": with_gradients(lambda: F.cross_entropy(F.linear(x, w), target))}
    # Products limit it, not memory: the rate is of the logits that it does without, three times there and back.
    return Case(label, ours, sides, work=12.0 * tokens * vocabulary, tolerance=2e-3)


# The large ones: glibc keeps small blocks by itself.
FRESH = tuple(f"{name} 4096x4096" for name in _WORKS)


def cases(options):
    for label, build, name, shape, dtype in _all(options):
        yield label, lambda b=build, n=name, s=label, h=shape, d=dtype: b(n, s, h, d, options)
    tokens, width, vocabulary = (
        (8, 16, 40) if options.tiny else (1024, 384, 8192) if options.quick else (4096, 384, 30522)
    )
    label = f"linear_cross_entropy with gradients {tokens}x{width} -> {vocabulary}"
    yield label, lambda: _linear_cross_entropy(label, tokens, width, vocabulary, options)
