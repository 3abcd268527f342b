"""linear with few rows: the weight is read once for each call, so memory is the limit. Weights are larger than the
caches hold, the few bits of int4 too."""

import functools

import torch
from torch.nn import functional as F

from strata import ops, quantize

from .. import peers
from ..case import Case, missing, skip

UNIT = "GB/s"


def int8_side(x, w):
    """The operator on a weight that is quantised here, once."""
    quantised, scale = quantize.int8(w)
    return lambda: ops.linear_int8(x, quantised, scale)


@functools.lru_cache(1)
def _weight(k, n, kind):
    """A weight in its format, and the peer on it: made once for all numbers of rows, which takes longer than timing."""
    w = torch.randn(n, k)
    if kind == "int8":
        return quantize.int8(w), peers.dynamic_int8(w)
    # PyTorch's kernel is made for bfloat16.
    return quantize.int4(w, 32), peers.int4(w, 32, torch.bfloat16)


def _int8(rows, k, n, label):
    if reason := missing("linear_int8"):
        return skip(label, reason)
    x, ((q, scale), theirs) = torch.randn(rows, k), _weight(k, n, "int8")
    sides = {side: lambda f=run: f(x) for side, run in theirs.items()}
    size = float(k * n)
    ours = lambda: ops.linear_int8(x, q, scale)  # noqa: E731
    return Case(label, ours, sides, work=size, bytes=size, roof="read", dtype="int8", tolerance=0.2)


def _int4(rows, k, n, label):
    if reason := missing("linear_int4"):
        return skip(label, reason)
    x, (made, theirs) = torch.randn(rows, k), _weight(k, n, "int4")
    narrow = x.bfloat16()
    sides = {side: lambda f=run: f(narrow) for side, run in theirs.items()}
    size = float(sum(t.numel() * t.element_size() for t in made.tensors))
    ours = lambda: ops.linear_int4(x, *made.tensors, blocks=made.blocks)  # noqa: E731
    # The peer rounds to another grid: both are off by a tenth or so.
    return Case(label, ours, sides, work=size, bytes=size, roof="read", dtype="int4", tolerance=1.0)


def _half(rows, k, n, label):
    if reason := missing("linear_half"):
        return skip(label, reason)
    x, w = torch.randn(rows, k), torch.randn(n, k).half()
    narrow, size = x.half(), float(2 * k * n)
    sides = {"eager": lambda: F.linear(narrow, w)}
    ours = lambda: ops.linear_half(x, w)  # noqa: E731
    # The peer's input is rounded, and float16's sums are where it keeps them.
    return Case(label, ours, sides, work=size, bytes=size, roof="read", dtype="float16", tolerance=2e-2)


def _plain(rows, k, n, dtype, label, options):
    x, w = torch.randn(rows, k).to(dtype), torch.randn(n, k).to(dtype)
    sides = {"eager": lambda: F.linear(x, w)}
    if dtype == torch.float32:
        sides |= peers.onnx([("MatMul", ("x", "w"), ("y",), {})], {"x": x}, {"w": w.t().contiguous()}, options.threads)
    size = float(w.element_size() * k * n)
    return Case(
        label,
        lambda: ops.linear(x, w),
        sides,
        work=size,
        bytes=size,
        roof="read",
        dtype=str(dtype).removeprefix("torch."),
    )


def cases(options):
    k, n = (64, 64) if options.tiny else (4096, 8192) if options.quick else (4096, 16384)
    rows_of = (1, 8) if options.quick else (1, 4, 8)
    for dtype in (torch.float32, torch.bfloat16):
        for rows in rows_of:
            label = f"linear {rows}x{k} -> {n}, {str(dtype).removeprefix('torch.')} weight"
            yield label, lambda r=rows, d=dtype, s=label: _plain(r, k, n, d, s, options)
    for rows in rows_of:
        label = f"linear {rows}x{k} -> {n}, float16 weight"
        yield label, lambda r=rows, s=label, n=n: _half(r, k, n, s)
    n = n if options.tiny else 16384
    for rows in rows_of:
        label = f"linear {rows}x{k} -> {n}, int8 weight"
        yield label, lambda r=rows, s=label: _int8(r, k, n, s)
    for rows in rows_of:
        label = f"linear {rows}x{k} -> {n}, int4 weight in groups of 32"
        yield label, lambda r=rows, s=label: _int4(r, k, n, s)
