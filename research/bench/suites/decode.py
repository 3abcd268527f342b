"""linear with few rows: the weight is read once for each call, so memory is the limit. Weights are larger than the
caches hold."""

import torch
from torch.nn import functional as F

from strata import ops

from .. import peers
from ..case import Case, missing, skip

UNIT = "GB/s"


def int8_side(x, w):
    """The operator on a weight that is quantised here, once: per output, symmetric."""
    scale = w.abs().amax(1) / 127
    quantised = (w / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
    return lambda: ops.linear_int8(x, quantised, scale)


def _int8(rows, k, n, label):
    if reason := missing("linear_int8"):
        return skip(label, reason)
    x, w = torch.randn(rows, k), torch.randn(n, k)
    sides = {side: lambda f=run: f(x) for side, run in peers.dynamic_int8(w).items()}
    return Case(
        label, int8_side(x, w), sides, work=float(k * n), bytes=float(k * n), roof="read", dtype="int8", tolerance=0.2
    )


def int4_side(x, w, group):
    """The same with 4 bits and a scale for every `group` inputs, symmetric; returns (function, bytes of the weight)."""
    grouped = w.view(w.shape[0], -1, group)
    scale = (grouped.abs().amax(-1) / 7).clamp(min=1e-6)
    q = ((grouped / scale[..., None]).round() + 8).clamp(0, 15).to(torch.uint8).view_as(w)
    packed = (q[:, 0::2] | q[:, 1::2] << 4).contiguous()
    scale = scale.t().contiguous().half()
    return lambda: ops.linear_int4(x, packed, scale, blocks=group // 32), packed.numel() + 2 * scale.numel()


def _int4(rows, k, n, group, label):
    if reason := missing("linear_int4"):
        return skip(label, reason)
    x, w = torch.randn(rows, k), torch.randn(n, k)
    sides = {side: lambda f=run: f(x) for side, run in peers.int4(w, group, torch.float32).items()}
    ours, size = int4_side(x, w, group)
    # The peer rounds another grid, with a zero point: both are off by a tenth or so.
    return Case(label, ours, sides, work=float(size), bytes=float(size), roof="read", dtype="int4", tolerance=1.0)


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
