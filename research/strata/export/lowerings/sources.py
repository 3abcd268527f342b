"""Tensors out of nothing: numbers in a shape, counted numbers, sizes as numbers."""

import torch

from ._table import Unsupported, fake, lowers
from .pointwise import fused


def filled(build, dtype, shape, number):
    """A number in a shape: one element, looked at with strides of 0."""
    one = build.constant(torch.tensor(number, dtype=dtype))
    return build.broadcast(one, shape)


def counted(build, size):
    """0, 1, ..., size - 1 in int64; made once for each size."""
    text = build.dims.text(size)
    if text not in build.counted:
        build.counted[text] = _counted(build, size)
    return build.counted[text]


def _counted(build, size):
    if isinstance(size, int):
        return build.constant(torch.arange(size), f"counted.{size}")
    ones = filled(build, torch.int64, [size], 1)
    ends = build.op("cumsum", [ones], {}, [build.value((torch.int64, [size]))])[0]
    return fused(build, (torch.int64, [size]), lambda v: v - 1, ends)


def even_runs(build, count, length):
    """Offsets 0, length, ..., count * length."""
    return build.slice(counted(build, count * length + 1), 0, 0, count + 1, length)


def number_of(build, size):
    """A size as an int64 tensor without dims."""
    return build.reshape(build.slice(counted(build, size + 1), 0, size, 1), [])


@lowers(
    "full",
    "zeros",
    "ones",
    "full_like",
    "zeros_like",
    "ones_like",
    "new_full",
    "new_zeros",
    "new_ones",
    "scalar_tensor",
    "fill.Scalar",
)
def _full(build, node, *args, **kwargs):
    name, like = str(node.target), fake(node)
    number = 0 if "zeros" in name else 1 if "ones" in name else None
    if number is None:
        number = args[0] if "scalar_tensor" in name else args[2] if "new_full" in name else args[1]
    if not isinstance(number, (int, float, bool)):
        raise Unsupported("a tensor filled with a size")
    return filled(build, like.dtype, like.shape, number)


@lowers("empty.memory_format", "empty_like", "new_empty")
def _empty(build, node, *_, **__):
    return filled(build, fake(node).dtype, fake(node).shape, 0)


@lowers("arange", "arange.start", "arange.start_step")
def _arange(build, node, *args, **_):
    like, name = fake(node), str(node.target)
    start, step = (0, 1) if name.endswith("default") else (args[0], args[2] if len(args) > 2 else 1)
    if not all(isinstance(v, (int, float)) for v in (start, step)):
        raise Unsupported("arange that starts at a size, or goes on by one")
    numbers = counted(build, like.shape[0])
    if (start, step, like.dtype) == (0, 1, torch.int64):
        return numbers
    compute = (
        like.dtype
        if like.dtype in (torch.int64, torch.float64)
        else (torch.float64 if like.dtype.is_floating_point else torch.int64)
    )
    return fused(build, like, lambda v: (v.to(compute) * step + start).to(like.dtype), numbers)


@lowers("tril", "triu")
def _triangle(build, node, x, diagonal=0):
    like = fake(node)
    lower = "tril" in str(node.target)
    rows, columns = counted(build, like.shape[-2]), counted(build, like.shape[-1])
    rows = build.reshape(rows, [like.shape[-2], 1])

    def keep(value, row, column):
        inside = column - row <= diagonal if lower else column - row >= diagonal
        return torch.where(inside, value, False if like.dtype == torch.bool else 0)

    if like.dtype == torch.bool:
        return fused(
            build, like, lambda v, r, c: v & ((c - r <= diagonal) if lower else (c - r >= diagonal)), x, rows, columns
        )
    return fused(build, like, keep, x, rows, columns)
