"""Sums, means, extremes and their kin over any dims; running sums."""

import math

import torch

from ._table import Unsupported, fake, lowers, wrap
from .convolutions import padded
from .pointwise import fused
from .sources import even_runs


def _over(build, x, like, dims, name="reduce", dtype=None, **attrs):
    """x reduced over `dims`: what is left, in its order, and one size for all that was reduced."""
    kept = [d for d in range(like.dim()) if d not in dims]
    if not dims:
        return x
    if dims == [1] and attrs.get("operation") in ("sum", "mean") and like.dim() > 2 and dtype in (None, x.dtype):
        return _pooled(build, x, like, attrs["operation"])
    inner = build.permute(x, kept + dims)
    count = math.prod([like.shape[d] for d in dims])
    rows = build.reshape(inner, [*(like.shape[d] for d in kept), count])
    dtype = dtype or x.dtype
    return build.op(name, [rows], attrs, [build.value((dtype, [like.shape[d] for d in kept]))])[0]


def _pooled(build, x, like, mode):
    """The sum or mean over dim 1, down the rows as they lie: x need not be turned."""
    batch, length, *rest = like.shape
    rows = build.reshape(x, [batch * length, math.prod(rest)])
    made = build.value((x.dtype, [batch, math.prod(rest)]))
    build.op("segment_pool", [rows, even_runs(build, batch, length)], {"mode": mode}, [made])
    return build.reshape(made, [batch, *rest])


def _dims(dim, rank):
    dim = [dim] if isinstance(dim, int) else dim
    return sorted({wrap(d, rank) for d in dim}) if dim else list(range(rank))


def _reduced(build, node, x, dim, operation, compute=None, after=None, **attrs):
    """compute: the dtype to reduce in; after: a function of one element for the result."""
    source, like = fake(node.args[0]), fake(node)
    compute = compute or like.dtype
    if x.dtype != compute:
        x = fused(build, (compute, source.shape), lambda v: v.to(compute), x)
    y = _over(build, x, source, _dims(dim, source.dim()), operation=operation, **attrs)
    y = build.reshape(y, like.shape)
    return (
        y if after is None and y.dtype == like.dtype else fused(build, like, after or (lambda v: v.to(like.dtype)), y)
    )


def _wide(dtype):
    """Integers are summed and compared in float64: exact below 2^53."""
    return (
        dtype
        if dtype in (torch.float32, torch.bfloat16, torch.float64)
        else (torch.float32 if dtype == torch.float16 else torch.float64)
    )


@lowers("sum.dim_IntList", "sum", "mean.dim", "mean", "amax", "amin", "max", "min")
def _reduce(build, node, x, dim=None, *_, **__):
    packet = str(node.target).split(".")[1]
    operation = {"amax": "max", "amin": "min"}.get(packet, packet)
    return _reduced(build, node, x, dim, operation, _wide(fake(node).dtype if packet in ("sum", "mean") else x.dtype))


@lowers("var.correction", "std.correction", "var.dim", "std.dim", "var", "std")
def _variance(build, node, x, dim=None, *args, correction=1, **__):
    if args and isinstance(args[0], bool) and "dim" in str(node.target).split(".")[-1]:
        correction = int(args[0])
    operation = "var" if "var" in str(node.target) else "std"
    return _reduced(build, node, x, dim, operation, correction=int(1 if correction is None else correction))


@lowers("any", "any.dim", "any.dims", "all", "all.dim", "all.dims")
def _truth(build, node, x, dim=None, *_):
    operation = "max" if "any" in str(node.target) else "min"
    truth = fused(build, (torch.float32, fake(node.args[0]).shape), lambda v: v.to(torch.bool).to(torch.float32), x)
    source, like = fake(node.args[0]), fake(node)
    y = _over(build, truth, source, _dims(dim, source.dim()), operation=operation)
    return fused(build, like, lambda v: v > 0, build.reshape(y, like.shape))


@lowers("linalg_vector_norm", "norm.ScalarOpt_dim", "norm.Scalar")
def _norm(build, node, x, ord=2, dim=None, *_, **__):
    if ord == 2:
        return _reduced(build, node, x, dim, "sum_squares", _wide(x.dtype), torch.sqrt)
    like = fake(node.args[0])
    size = fused(build, (x.dtype, like.shape), abs, x)
    if ord in (math.inf, -math.inf, 1):
        return _reduced(build, node, size, dim, {1: "sum", math.inf: "max", -math.inf: "min"}[ord], _wide(x.dtype))
    raise Unsupported(f"a norm of order {ord}")


@lowers("logsumexp")
def _logsumexp(build, node, x, dim, keepdim=False):
    source, like = fake(node.args[0]), fake(node)
    dims = _dims(dim, source.dim())
    kept = [1 if d in dims else size for d, size in enumerate(source.shape)]
    top = build.reshape(_over(build, x, source, dims, operation="max"), kept)
    shifted = fused(build, source, lambda v, m: torch.exp(v - m), x, top)
    total = build.reshape(_over(build, shifted, source, dims, operation="sum"), like.shape)
    return fused(build, like, lambda s, m: torch.log(s) + m, total, build.reshape(top, like.shape))


@lowers("argmax", "argmin")
def _argmax(build, node, x, dim=None, keepdim=False):
    source, like = fake(node.args[0]), fake(node)
    dims = _dims(dim, source.dim())
    y = _over(build, x, source, dims, "argmax", torch.int64, smallest="argmin" in str(node.target))
    return build.reshape(y, like.shape)


@lowers("max.dim", "min.dim")
def _extreme(build, node, x, dim, keepdim=False):
    source, (value, index) = fake(node.args[0]), fake(node)
    name, dims = str(node.target), _dims(dim, source.dim())
    best = _over(build, x, source, dims, operation="min" if "min" in name else "max")
    at = _over(build, x, source, dims, "argmax", torch.int64, smallest="min" in name)
    return [build.reshape(best, value.shape), build.reshape(at, index.shape)]


@lowers("topk")
def _top_k(build, node, x, k, dim=-1, largest=True, sorted=True):
    source, (value, index) = fake(node.args[0]), fake(node)
    dim = wrap(dim, source.dim())
    if dim != source.dim() - 1 or not isinstance(k, int) or not largest:
        raise Unsupported("topk but for the largest of the last dim, of a number that is fixed")
    return build.op("top_k", [x], {"k": k}, [build.value(value), build.value(index)])


@lowers("cumprod")
def _cumprod(build, node, x, dim, dtype=None):
    """Each element times the one 1, 2, 4, ... before it: the product of all before after as many steps as bits."""
    like = fake(node)
    dim = wrap(dim, like.dim())
    size = like.shape[dim]
    if not isinstance(size, int):
        raise Unsupported("cumprod along a dim that is not fixed")
    x = x if x.dtype == like.dtype else fused(build, like, lambda v: v.to(like.dtype), x)
    step = 1
    while step < size:
        sizes = list(like.shape)
        before = padded(build, build.slice(x, dim, 0, size - step), _with(sizes, dim, size - step), dim, step, 0, 1)
        x = fused(build, like, lambda a, b: a * b, x, before)
        step *= 2
    return x


def _with(sizes, dim, size):
    return [*sizes[:dim], size, *sizes[dim + 1 :]]


@lowers("cumsum")
def _cumsum(build, node, x, dim, dtype=None):
    like = fake(node)
    if like.dim() == 0:
        return x
    dim = wrap(dim, like.dim())
    if x.dtype != like.dtype:
        x = fused(build, like, lambda v: v.to(like.dtype), x)
    order = [d for d in range(like.dim()) if d != dim] + [dim]
    rows = build.permute(x, order)
    y = build.op("cumsum", [rows], {}, [build.value((like.dtype, rows.shape))])[0]
    return build.permute(y, [order.index(d) for d in range(like.dim())])
