"""Rows of tables, by number."""

import math

import torch

from ._table import Unsupported, fake, lowers
from .pointwise import fused
from .sources import counted, number_of


@lowers("embedding")
def _embedding(build, node, weight, ids, *_, **__):
    return build.op("embedding", [weight, ids], {}, [build.value(fake(node))])[0]


def _positive(build, ids, like, size):
    """PyTorch counts negative indices from the end."""
    ids = fused(build, (torch.int64, like.shape), lambda v: v.to(torch.int64), ids) if ids.dtype != torch.int64 else ids
    if not isinstance(size, int) or (ids.constant and bool((ids.tensor >= 0).all())):
        return ids
    return fused(build, (torch.int64, like.shape), lambda v: torch.where(v < 0, v + size, v), ids)


def _rows(build, table, ids, shape):
    """Rows of a table [V, ...] in one gather."""
    width = math.prod(shape)
    flat = build.reshape(table, [table.shape[0], width])
    made = build.op("embedding", [flat, ids], {}, [build.value((table.dtype, [*ids.shape, width]))])[0]
    return made


def _along(build, x, dim, ids, sizes, count):
    """x of these sizes with `count` elements of one dim picked by number."""
    order = [dim] + [d for d in range(len(sizes)) if d != dim]
    rest = [sizes[d] for d in order[1:]]
    rows = _rows(build, build.permute(x, order), ids, rest)
    return build.permute(build.reshape(rows, [count, *rest]), [order.index(d) for d in range(len(sizes))])


@lowers("index_select")
def _index_select(build, node, x, dim, ids):
    like, source = fake(node), fake(node.args[0])
    dim = dim % source.dim()
    places = _positive(build, ids, fake(node.args[2]), source.shape[dim])
    return _along(build, x, dim, places, list(source.shape), like.shape[dim])


def _flat_place(build, ids, strides, shape):
    """Several indices as one into their dims taken together."""
    factors = [s if isinstance(s, int) else number_of(build, s) for s in strides]

    def place(*given):
        at, steps = given[: len(ids)], given[len(ids) :]
        return sum((i * s for i, s in zip(at[1:], steps[1:])), at[0] * steps[0])

    return fused(build, (torch.int64, shape), place, *ids, *factors)


@lowers("index.Tensor")
def _index(build, node, x, indices):
    source, like = fake(node.args[0]), fake(node)
    dims = [d for d, index in enumerate(indices) if index is not None]
    if any(indices[d].dtype == torch.bool for d in dims):
        raise Unsupported("a choice by a mask, whose size depends on values")
    if dims != list(range(dims[0], dims[0] + len(dims))):
        raise Unsupported("indices of dims that are not neighbours")
    nodes = [node.args[1][d] for d in dims]
    shape = torch.broadcast_shapes(*[fake(n).shape for n in nodes])
    ids = [_positive(build, indices[d], fake(n), source.shape[d]) for d, n in zip(dims, nodes)]
    strides = [math.prod([source.shape[e] for e in dims[at + 1 :]]) for at in range(len(dims))]
    place = ids[0] if len(ids) == 1 else _flat_place(build, ids, strides, shape)
    others = [d for d in range(source.dim()) if d not in dims]
    front = build.permute(x, dims + others)
    size, rest = math.prod([source.shape[d] for d in dims]), [source.shape[d] for d in others]
    rows = _rows(build, build.reshape(front, [size, *rest]), place, rest)
    back = build.reshape(rows, [*shape, *rest])
    first = dims[0]  # the indexed dims stand where the first of them stood
    order = [
        *range(len(shape), len(shape) + first),
        *range(len(shape)),
        *range(len(shape) + first, len(shape) + len(rest)),
    ]
    return build.reshape(build.permute(back, order), like.shape)


@lowers("gather")
def _gather(build, node, x, dim, ids, **_):
    source, like = fake(node.args[0]), fake(node)
    dim = dim % source.dim()
    order = [d for d in range(source.dim()) if d != dim] + [dim]
    table = build.permute(x, order)
    places = build.permute(_positive(build, ids, fake(node.args[2]), source.shape[dim]), order)
    if [table.shape[d] for d in range(len(order) - 1)] != [places.shape[d] for d in range(len(order) - 1)]:
        raise Unsupported("gather from a tensor that is larger than the index in another dim")
    y = build.op("gather", [table, places], {}, [build.value((x.dtype, places.shape))])[0]
    return build.permute(y, [order.index(d) for d in range(like.dim())])


@lowers("flip")
def _flip(build, node, x, dims):
    sizes = list(fake(node).shape)
    for dim in dims:
        dim = dim % len(sizes)
        size = sizes[dim]
        if isinstance(size, int):
            places = build.constant(torch.arange(size - 1, -1, -1))
        else:
            places = fused(build, (torch.int64, [size]), lambda at, n: n - 1 - at, counted(build, size),
                           number_of(build, size))  # fmt: skip
        x = _along(build, x, dim, places, sizes, size)
    return x


@lowers("embedding_bag", "embedding_bag.padding_idx", "_embedding_bag_forward_only", "_embedding_bag")
def _embedding_bag(
    build,
    node,
    weight,
    ids,
    offsets,
    scale_grad=False,
    mode=0,
    sparse=False,
    per_sample=None,
    include_last=False,
    padding=None,
):
    like, count = fake(node)[0], fake(node.args[1]).shape[0]
    if per_sample is not None or include_last or (padding is not None and padding >= 0):
        raise Unsupported("embedding_bag with weights, padding or a last offset")
    rows = _rows(build, weight, _positive(build, ids, fake(node.args[1]), weight.shape[0]), [like.shape[1]])
    last = build.reshape(number_of(build, count), [1])
    ends = build.op("concat", [[offsets, last]], {}, [build.value((torch.int64, [like.shape[0] + 1]))])[0]
    y = build.op("segment_pool", [rows, ends], {"mode": ("sum", "mean", "max")[mode]}, [build.value(like)])[0]
    return [y]
