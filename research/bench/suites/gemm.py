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


def _residual(m, k, n):
    x, w, b, r = torch.randn(m, k), torch.randn(n, k), torch.randn(n), torch.randn(m, n)
    return Case(
        f"linear with residual {m}x{k} -> {n}",
        lambda: ops.linear(x, w, b, residual=r),
        {"eager": lambda: F.linear(x, w, b) + r},
        work=2.0 * m * k * n,
        roof="fma_f32",
        bytes=4.0 * (m * k + k * n + 2 * m * n),
    )


def _gated(m, k, n):
    x, gate, up = torch.randn(m, k), torch.randn(n, k), torch.randn(n, k)
    return Case(
        f"linear with gate {m}x{k} -> {n}",
        lambda: ops.linear(x, up, gate=ops.linear(x, gate, activation="silu")),
        {"eager": lambda: F.silu(F.linear(x, gate)) * F.linear(x, up)},
        work=4.0 * m * k * n,
        roof="fma_f32",
        bytes=4.0 * (2 * m * k + 2 * k * n + 3 * m * n),
    )


def _batched(batch, m, k, n, dtype=torch.float32, strided=False):
    kind = str(dtype).removeprefix("torch.")
    name = f"matmul {batch} x {m}x{k}x{n}" + (", strided" if strided else "")
    if reason := missing("matmul"):
        return skip(name, reason)
    a, b = torch.randn(batch, m, k).to(dtype), torch.randn(batch, k, n).to(dtype)
    if strided:
        # As attention has them: 12 heads beside each other in a row of 12 * k numbers, keys turned.
        a = a.unflatten(0, (-1, 12)).transpose(1, 2).contiguous().transpose(1, 2)
        b = b.unflatten(0, (-1, 12)).permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    return Case(
        name,
        lambda: ops.matmul(a, b),
        {"eager": lambda: a @ b},
        work=2.0 * batch * m * k * n,
        roof={"float32": "fma_f32", "bfloat16": "bf16"}[kind],
        dtype=kind,
        bytes=float(a.element_size()) * batch * (m * k + k * n + m * n),
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
    rows = 16 if options.tiny else 1024
    yield f"linear with residual {rows}x1536 -> 384", lambda: _residual(rows, 1536, 384)
    yield f"linear with gate {rows}x384 -> 1536", lambda: _gated(rows, 384, 1536)
    for shape in ((96, 128, 32, 128), (96, 128, 128, 32)):
        label = "matmul {} x {}x{}x{}".format(*shape)
        yield label, lambda shape=shape: _batched(*shape)
        yield f"{label}, strided", lambda shape=shape: _batched(*shape, strided=True)
        yield label, lambda shape=shape: _batched(*shape, dtype=torch.bfloat16)
    for m, k, n in _shapes(options):
        yield f"linear int8 {m}x{k} -> {n}", lambda m=m, k=k, n=n: _int8(m, k, n, options)
