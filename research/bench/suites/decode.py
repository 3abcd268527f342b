"""linear with few rows: the weight is read once for each call, so memory is the limit. Weights are larger than the
caches hold."""

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


def _int8(rows, k, n, label):
    if reason := missing("linear_int8"):
        return skip(label, reason)
    x, w = torch.randn(rows, k), torch.randn(n, k)
    sides = {side: lambda f=run: f(x) for side, run in peers.dynamic_int8(w).items()}
    return Case(
        label, int8_side(x, w), sides, work=float(k * n), bytes=float(k * n), roof="read", dtype="int8", tolerance=0.2
    )


def _int4(rows, k, n, group, label):
    if reason := missing("linear_int4"):
        return skip(label, reason)
    x, w = torch.randn(rows, k), torch.randn(n, k)
    sides = {side: lambda f=run: f(x) for side, run in peers.int4(w, group, torch.float32).items()}
    made = quantize.int4(w, group)
    size = sum(t.numel() * t.element_size() for t in made.tensors)
    # The peer rounds to another grid: both are off by a tenth or so.
    return Case(
        label,
        lambda: ops.linear_int4(x, *made.tensors, blocks=made.blocks),
        sides,
        work=float(size),
        bytes=float(size),
        roof="read",
        dtype="int4",
        tolerance=1.0,
    )


def _plain(rows, k, n, dtype, label, options):
    x, w = torch.randn(rows, k).to(dtype), torch.randn(n, k).to(dtype)
    try:
        ops.linear(x, w)
    except RuntimeError as error:
        return skip(label, str(error).splitlines()[0])
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
    k, n = (64, 64) if options.tiny else (2048, 8192) if options.quick else (4096, 16384)
    for rows in (1, 4, 8):
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            label = f"linear {rows}x{k} -> {n}, {str(dtype).removeprefix('torch.')} weight"
            yield label, lambda r=rows, d=dtype, s=label: _plain(r, k, n, d, s, options)
        label = f"linear {rows}x{k} -> {n}, int8 weight"
        yield label, lambda r=rows, s=label: _int8(r, k, n, s)
        label = f"linear {rows}x{k} -> {n}, int4 weight in groups of 32"
        yield label, lambda r=rows, s=label: _int4(r, k, n, 32, s)
