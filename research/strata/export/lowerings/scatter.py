"""Tensors with a part replaced: what a model writes into a cache. The old rows and the new ones lie behind each other,
and every place of the result picks its row; or, where the place is no data, the parts are laid end to end."""

import math

import torch

from ._table import Unsupported, fake, lowers, wrap
from .pointwise import fused
from .sources import counted, number_of


def _size(build, size):
    """A size as an operand of a program."""
    return size if isinstance(size, int) else number_of(build, size)


def _sources(build, ids, length, count):
    """For every place of a dim of `length`, its row in [old rows; new rows]; of places named twice the last counts."""
    shape = [length, count]
    here = build.reshape(counted(build, length), [length, 1])
    turn = build.reshape(counted(build, count), [1, count])

    def match(place, at, i, n):
        at = torch.where(at < 0, at + n, at)
        return torch.where(place == at, i + 1, 0).to(torch.float64)

    found = fused(build, (torch.float64, shape), match, here, build.reshape(ids, [1, count]), turn,
                  _size(build, length))  # fmt: skip
    last = build.op("reduce", [found], {"operation": "max"}, [build.value((torch.float64, [length]))])[0]

    def row(place, match, n):
        return torch.where(match > 0, match.to(torch.int64) + n - 1, place)

    return fused(build, (torch.int64, [length]), row, counted(build, length), last, _size(build, length))


def _indexed(node, indices, accumulate):
    """The dim that the single index of an index_put is for."""
    dims = [d for d, index in enumerate(indices) if index is not None]
    if accumulate:
        raise Unsupported("index_put that adds")
    if len(dims) != 1 or indices[dims[0]].dtype == torch.bool or indices[dims[0]].rank > 1:
        raise Unsupported("index_put but for one index of one dim")
    return dims[0]


@lowers("index_put", "index_copy")
def _index_put(build, node, x, *args):
    like = fake(node)
    if "index_copy" in str(node.target):
        dim, ids, values = wrap(args[0], like.dim()), args[1], args[2]
    else:
        dim = _indexed(node, args[0], len(args) > 2 and args[2])
        ids, values = args[0][dim], args[1]
    length, count = like.shape[dim], 1 if ids.rank == 0 else _count(node, dim)
    part = [*like.shape[:dim], count, *like.shape[dim + 1 :]]
    if ids.rank == 0 and values.rank >= like.dim() - dim:  # values lack the dim
        cut = values.rank - (like.dim() - dim - 1)
        values = build.reshape(values, [*values.shape[:cut], 1, *values.shape[cut:]])
    order = [dim] + [d for d in range(like.dim()) if d != dim]
    rest = [like.shape[d] for d in order[1:]]
    width = math.prod(rest)
    old = build.reshape(build.permute(x, order), [length, width])
    new = build.reshape(build.permute(build.broadcast(values, part), order), [count, width])
    both = build.op("concat", [[old, new]], {"dim": 0}, [build.value((x.dtype, [length + count, width]))])[0]
    ids = fused(build, (torch.int64, [count]), lambda v: v.to(torch.int64), build.reshape(ids, [count]))
    places = _sources(build, ids, length, count)
    made = build.op("embedding", [both, places], {}, [build.value((x.dtype, [length, width]))])[0]
    return build.permute(build.reshape(made, [length, *rest]), [order.index(d) for d in range(like.dim())])


def _count(node, dim):
    ids = node.args[2] if "index_copy" in str(node.target) else node.args[1][dim]
    return fake(ids).shape[0]


def _between(build, x, part, dim, start, size, sizes):
    """x with `size` of its elements of `dim`, from `start` on, replaced."""
    end = start + size
    pieces = [build.slice(x, dim, 0, start), part, build.slice(x, dim, end, sizes[dim] - end)]
    pieces = [p for p in pieces if p.shape[dim] != 0]
    if len(pieces) == 1:
        return part
    return build.op("concat", [pieces], {"dim": dim}, [build.value((x.dtype, sizes))])[0]


@lowers("slice_scatter")
def _slice_scatter(build, node, x, part, dim=0, start=None, end=None, step=1):
    sizes, dim = list(fake(node).shape), wrap(dim, x.rank)
    if step != 1:
        raise Unsupported("a slice with steps that is written to")
    start = 0 if start is None else start
    start = start + sizes[dim] if isinstance(start, int) and start < 0 else start
    return _between(build, x, part, dim, start, fake(node.args[1]).shape[dim], sizes)


@lowers("select_scatter")
def _select_scatter(build, node, x, part, dim, index):
    sizes, dim = list(fake(node).shape), wrap(dim, x.rank)
    index = index + sizes[dim] if isinstance(index, int) and index < 0 else index
    part = build.reshape(part, [*sizes[:dim], 1, *sizes[dim + 1 :]])
    return _between(build, x, part, dim, index, 1, sizes)
