"""Matrix products. The weights are constants: a side that prepares them may."""

import torch
from torch.nn import functional as F

from strata import ops

from .. import peers
from ..case import Case, missing, skip

UNIT = "GFLOP/s"
_BACKWARD = ((2048, 2048, 2048), (4096, 384, 1536), (4096, 1536, 384))
_BACKWARD_QUICK = ((1024, 1024, 1024), (1024, 384, 1536))
_PAIRS = ((384, 384), (384, 1536), (1536, 384))


def _shapes(options):
    if options.tiny:
        return [(16, 24, 32)]
    squares = (512, 1024, 2048) if options.quick else (512, 1024, 2048, 4096)
    rows = (16, 1024) if options.quick else (16, 128, 1024, 8192)
    return [(n, n, n) for n in squares] + [(r, i, o) for r in rows for i, o in _PAIRS]


def _linear(m, k, n, dtype, options):
    x, w, b = (torch.randn(*s).to(dtype) for s in ((m, k), (n, k), (n,)))
    sides = {"eager": lambda: F.linear(x, w, b)}
    if dtype == torch.float32:
        graph = [("Transpose", ("w",), ("t",), {"perm": [1, 0]}), ("Gemm", ("x", "t", "b"), ("y",), {})]
        sides |= peers.onnx(graph, {"x": x}, {"w": w, "b": b}, options.threads)
    name = str(dtype).removeprefix("torch.")
    return Case(
        f"linear {m}x{k} -> {n}",
        lambda: ops.linear(x, w, b),
        sides,
        work=2.0 * m * k * n,
        roof={"float32": "fma_f32", "bfloat16": "bf16"}[name],
        dtype=name,
        bytes=float(x.element_size() * (m * k + k * n + m * n)),
    )


def _backward(m, k, n):
    if reason := missing("linear_backward"):
        return skip(f"linear backward {m}x{k} -> {n}", reason)
    x, w, g = torch.randn(m, k), torch.randn(n, k), torch.randn(m, n)

    def theirs():
        return g @ w, g.t() @ x, g.sum(0)

    return Case(
        f"linear backward {m}x{k} -> {n}",
        lambda: torch.ops.strata.linear_backward(g, x, w, need_gate=0)[:3],
        {"eager": theirs},
        work=4.0 * m * k * n,
        roof="fma_f32",
        bytes=4.0 * (2 * m * k + 2 * k * n + m * n),
    )


def _batched(batch, m, k, n):
    name = f"matmul {batch} x {m}x{k}x{n}"
    if reason := missing("matmul"):
        return skip(name, reason)
    a, b = torch.randn(batch, m, k), torch.randn(batch, k, n)
    return Case(
        name,
        lambda: ops.matmul(a, b),
        {"eager": lambda: a @ b},
        work=2.0 * batch * m * k * n,
        roof="fma_f32",
        bytes=4.0 * batch * (m * k + k * n + m * n),
    )


def _int8(m, k, n, options):
    name = f"linear int8 {m}x{k} -> {n}"
    if reason := missing("linear_int8"):
        return skip(name, reason)
    from .decode import int8_side

    x, w = torch.randn(m, k), torch.randn(n, k)
    sides = {side: lambda run=run: run(x) for side, run in peers.dynamic_int8(w).items()}
    return Case(
        name,
        int8_side(x, w),
        sides,
        work=2.0 * m * k * n,
        roof="int8",
        dtype="int8",
        tolerance=0.2,
        bytes=4.0 * (m * k + m * n) + k * n,
    )


def cases(options):
    for dtype in (torch.float32, torch.bfloat16):
        for m, k, n in _shapes(options):
            yield f"linear {m}x{k} -> {n}", lambda m=m, k=k, n=n, d=dtype: _linear(m, k, n, d, options)
    for m, k, n in _shapes(options) if options.tiny else _BACKWARD_QUICK if options.quick else _BACKWARD:
        yield f"linear backward {m}x{k} -> {n}", lambda m=m, k=k, n=n: _backward(m, k, n)
    for shape in ((96, 128, 32, 128), (96, 128, 128, 32)):
        yield "matmul {} x {}x{}x{}".format(*shape), lambda shape=shape: _batched(*shape)
    for m, k, n in _shapes(options):
        yield f"linear int8 {m}x{k} -> {n}", lambda m=m, k=k, n=n: _int8(m, k, n, options)
