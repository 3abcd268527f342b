"""Work that memory limits: norms, softmax, pointwise chains, losses. Forward, and backward by itself: the gradient of a
result that was made before. A rate counts each input read and each output written once."""

import functools

import torch
from torch.nn import functional as F

from strata import ops

from .. import peers
from ..case import Case, missing, skip
from .row_works import WORKS

UNIT = "GB/s"
_LARGE, _SMALL = (4096, 4096), (64, 384)



@functools.lru_cache(maxsize=16)
def _numbers(shape, dtype, which):
    """Random numbers that every case shares: making them takes longer than timing a case."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(which)).to(dtype)


def _extra(name, shape, channels, dtype):
    rows, width = shape
    half = width // channels // 2
    angles = torch.outer(torch.arange(float(rows)), 1e4 ** -(torch.arange(half) / max(1, half)))
    made = {
        "weight": lambda: torch.rand(width).add(0.5).to(dtype),
        "bias": lambda: torch.randn(width).to(dtype),
        "channel weight": lambda: torch.rand(channels).add(0.5).to(dtype),
        "channel bias": lambda: torch.randn(channels).to(dtype),
        "mean": lambda: torch.randn(channels).to(dtype),
        "var": lambda: torch.rand(channels).add(0.5).to(dtype),
        "target": lambda: torch.randint(width, (rows,)),
        "ids": lambda: torch.randint(rows, (rows,)),
        "offsets": lambda: torch.arange(0, rows + 1, max(1, rows // 16)),
        "positions": lambda: torch.arange(rows),
        "cos": lambda: angles.cos().to(dtype),
        "sin": lambda: angles.sin().to(dtype),
    }
    return made[name]()


def _tensors(work, shape, dtype):
    rows, width = shape
    channels = work.channels(width) if work.channels else 1
    full = [_numbers(shape, dtype, i).detach() for i in range(work.tensors)]
    if work.channels:
        full = [t.view(rows, channels, -1) for t in full]
    return full, [_extra(name, shape, channels, dtype) for name in work.extra]


# What is given with the data and has no gradient in PyTorch.
_GIVEN = {"mean", "var", "cos", "sin"}


def _forward(name, label, shape, dtype, options):
    work = WORKS[name]
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
    work = WORKS[name]
    if reason := missing(*work.needs):
        return skip(label, reason)
    full, vectors = _tensors(work, shape, dtype)
    wanted = [*full, *(t for name, t in zip(work.extra, vectors) if t.is_floating_point() and name not in _GIVEN)]
    leaves = [t.requires_grad_() for t in wanted]
    args = (*full, *vectors)

    def gradient(function):
        with torch.enable_grad():
            results = function(*args)
        results = results if isinstance(results, tuple) else (results,)
        grads = [_numbers(tuple(r.shape), r.dtype, 8 + i) for i, r in enumerate(results)]
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
            for name, work in WORKS.items():
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
FRESH = tuple(f"{name} 4096x4096" for name in WORKS)


def cases(options):
    for label, build, name, shape, dtype in _all(options):
        yield label, lambda b=build, n=name, s=label, h=shape, d=dtype: b(n, s, h, d, options)
    tokens, width, vocabulary = (
        (8, 16, 40) if options.tiny else (1024, 384, 8192) if options.quick else (4096, 384, 30522)
    )
    label = f"linear_cross_entropy with gradients {tokens}x{width} -> {vocabulary}"
    yield label, lambda: _linear_cross_entropy(label, tokens, width, vocabulary, options)
