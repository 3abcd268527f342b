"""ONNX's views, copies and shapes."""

import torch
from torch.nn import functional as F

from .._errors import Unsupported
from ._table import onnx_op, several
from ._values import Sizes, axes, number, sizes, tensor


@onnx_op("Shape", sizes=True)
def _shape(node, x):
    return Sizes(list(x.shape)[node.get("start", 0) : node.get("end")])


@onnx_op("Reshape", sizes=True)
def _reshape(node, x, shape):
    wanted = sizes(shape, "a shape")
    if isinstance(x, Sizes) and len(wanted) <= 1:
        return Sizes(list(x.values), len(wanted), x.dtype)
    x = tensor(x)
    if not node.get("allowzero", 0):
        wanted = [x.shape[at] if isinstance(size, int) and size == 0 else size for at, size in enumerate(wanted)]
    return x.reshape(wanted)


@onnx_op("Flatten")
def _flatten(node, x):
    axis, rows = node.get("axis", 1), 1
    for size in x.shape[: axis + x.dim() if axis < 0 else axis]:
        rows = rows * size
    return x.reshape([rows, -1])


@onnx_op("Transpose")
def _transpose(node, x):
    return x.permute(node.get("perm") or list(range(x.dim()))[::-1])


@onnx_op("Squeeze", sizes=True)
def _squeeze(node, x, given=None):
    if isinstance(x, Sizes):
        return Sizes(list(x.values), 0 if len(x.values) == 1 else x.rank, x.dtype)
    dims = axes(node, given)
    return x.squeeze() if dims is None else x.squeeze(dims)


@onnx_op("Unsqueeze", sizes=True)
def _unsqueeze(node, x, given=None):
    dims = axes(node, given)
    if isinstance(x, Sizes) and x.rank == 0 and len(dims) == 1:
        return Sizes(list(x.values), 1, x.dtype)
    x = tensor(x)
    for dim in sorted(d % (x.dim() + len(dims)) for d in dims):
        x = x.unsqueeze(dim)
    return x


@onnx_op("Concat", sizes=True)
def _concat(node, *given):
    if all(isinstance(v, Sizes) for v in given):
        return Sizes([v for one in given for v in one.values], 1, given[0].dtype)
    return torch.cat([tensor(v) for v in given], node.attrs["axis"])


@onnx_op("Split", sizes=True)
@several
def _split(node, x, given=None):
    x, axis = tensor(x), node.get("axis", 0)
    parts = node.get("split") if given is None else sizes(given, "the parts of a split")
    if parts is None:
        count = node.get("num_outputs", node.outputs)
        if not isinstance(x.shape[axis], int):
            raise Unsupported("a split into equal parts of a size that is not fixed")
        each = -(-x.shape[axis] // count)
        parts = [min(each, x.shape[axis] - at * each) for at in range(count)]
    return list(torch.split(x, list(parts), axis))


def _end(value, size):
    """Where a slice ends, or starts, counted from the front and within the dim."""
    if isinstance(value, int):
        if value < 0:
            return max(value + size, 0) if isinstance(size, int) else value
        return min(value, size) if isinstance(size, int) else value
    return value


@onnx_op("Slice", sizes=True)
def _slice(node, x, starts, ends, dims=None, steps=None):
    starts, ends = sizes(starts, "where a slice starts"), sizes(ends, "where a slice ends")
    steps = [1] * len(starts) if steps is None else sizes(steps, "a slice's step")
    if isinstance(x, Sizes):
        return Sizes(x.values[starts[0] : ends[0] : steps[0]], 1, x.dtype)
    dims = list(range(len(starts))) if dims is None else sizes(dims, "axes")
    for dim, start, end, step in zip(dims, starts, ends, steps):
        if step < 0:
            x, start, end, step = _turned(x, dim, start, end, step)
        end = None if isinstance(end, int) and end >= 2**31 - 1 else end
        x = torch.ops.aten.slice.Tensor(x, dim, _end(start, x.shape[dim]), end, step)
    return x


def _turned(x, dim, start, end, step):
    """A slice that goes backwards as one of the dim turned round."""
    size = x.shape[dim]
    start = size - 1 if start >= 2**31 - 1 else start
    if start < 0 or end >= 0:
        if not isinstance(size, int):
            raise Unsupported("a slice backwards from or to the middle of a size that is not fixed")
        start = start + size if start < 0 else min(start, size - 1)
    first = size - 1 - start
    last = size if end < -(2**31) + 1 or (isinstance(size, int) and end < -size) else (
        -1 - end if end < 0 else size - 1 - end)  # fmt: skip
    return x.flip(dim), first, last, -step


@onnx_op("Gather", sizes=True)
def _gather(node, x, ids):
    axis = node.get("axis", 0)
    if isinstance(x, Sizes) and isinstance(ids, Sizes):
        return Sizes([x.values[i] for i in ids.values], ids.rank, x.dtype)
    x = tensor(x)
    if isinstance(ids, Sizes) and ids.rank == 0 and isinstance(ids.values[0], int):
        return x.select(axis, ids.values[0])
    return x[(slice(None),) * (axis % x.dim()) + (tensor(ids),)]


@onnx_op("GatherElements")
def _gather_elements(node, x, ids):
    return torch.gather(x, node.get("axis", 0), torch.where(ids < 0, ids + x.shape[node.get("axis", 0)], ids))


@onnx_op("GatherND")
def _gather_nd(node, x, ids):
    if node.get("batch_dims", 0):
        raise Unsupported("GatherND with batch_dims")
    return x[tuple(ids.unbind(-1))]


@onnx_op("ScatterND")
def _scatter_nd(node, x, ids, updates):
    if node.get("reduction", "none") != "none" or ids.shape[-1] != 1:
        raise Unsupported("ScatterND but for rows that are replaced")
    places, count = ids.reshape(-1), 1
    for size in ids.shape[:-1]:
        count = count * size
    return torch.ops.aten.index_put(x, [places], updates.reshape([count, *x.shape[1:]]))


@onnx_op("Expand", sizes=True)
def _expand(node, x, shape):
    x, wanted = tensor(x), sizes(shape, "a shape")
    mine = [1] * (len(wanted) - x.dim()) + list(x.shape)
    wanted = [1] * (len(mine) - len(wanted)) + list(wanted)
    return x.expand([m if isinstance(w, int) and w == 1 else w for m, w in zip(mine, wanted)])


@onnx_op("Tile", sizes=True)
def _tile(node, x, repeats):
    return tensor(x).repeat(list(sizes(repeats, "how often to repeat")))


@onnx_op("ConstantOfShape", sizes=True)
def _constant_of_shape(node, shape):
    from onnx import numpy_helper

    wanted, value = list(sizes(shape, "a shape")), 0.0
    dtype = torch.float32
    if node.get("value") is not None:
        array = numpy_helper.to_array(node.attrs["value"]).reshape(-1)
        value, dtype = array[0].item(), getattr(torch, array.dtype.name)
    if dtype == torch.int64 and len(wanted) == 1 and isinstance(wanted[0], int) and wanted[0] <= 64:
        return Sizes([value] * wanted[0])
    return torch.full(wanted, value, dtype=dtype)


@onnx_op("Range", sizes=True)
def _range(node, start, limit, step):
    if all(node.constant(at) for at in range(3)) and not isinstance(start, Sizes):
        return torch.arange(*(node.constant(at)[0] for at in range(3)), dtype=tensor(start).dtype)
    if not all(isinstance(v, Sizes) for v in (start, limit, step)):
        raise Unsupported("a range whose ends are computed from data")
    start, limit, step = (number(v) for v in (start, limit, step))
    if (start, step) == (0, 1):
        return torch.arange(limit)
    if isinstance(step, int) and step == 1:
        return torch.arange(limit - start) + tensor(Sizes([start], 0))
    return torch.arange(start, limit, step)


@onnx_op("Pad", sizes=True)
def _pad(node, x, pads, value=None, dims=None):
    x, pads = tensor(x), list(sizes(pads, "a padding"))
    dims = list(range(x.dim())) if dims is None else [d % x.dim() for d in sizes(dims, "axes")]
    before, after = dict(zip(dims, pads[: len(dims)])), dict(zip(dims, pads[len(dims) :]))
    flat = [p for d in reversed(range(x.dim())) for p in (before.get(d, 0), after.get(d, 0))]
    while len(flat) > 2 and flat[-2:] == [0, 0]:
        flat = flat[:-2]
    mode = {"edge": "replicate", "wrap": "circular"}.get(node.get("mode", "constant"), node.get("mode", "constant"))
    if mode != "constant":
        return F.pad(x, flat, mode)
    number_of = 0 if value is None else (node.constant(2) or [None])[0]
    if number_of is not None:
        return F.pad(x, flat, value=number_of)
    inside = F.pad(torch.ones_like(x, dtype=torch.bool), flat, value=False)
    return torch.where(inside, F.pad(x, flat), tensor(value).reshape([]))


@onnx_op("Trilu", sizes=True)
def _trilu(node, x, k=None):
    k = 0 if k is None else number(k, "a diagonal")
    return (torch.triu if node.get("upper", 1) else torch.tril)(tensor(x), k)


@onnx_op("DepthToSpace")
def _depth_to_space(node, x):
    size = node.attrs["blocksize"]
    if node.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, size)
    n, channels, h, w = x.shape
    apart = x.reshape([n, size, size, channels // (size * size), h, w]).permute(0, 3, 4, 1, 5, 2)
    return apart.reshape([n, channels // (size * size), h * size, w * size])


@onnx_op("SpaceToDepth")
def _space_to_depth(node, x):
    size = node.attrs["blocksize"]
    n, channels, h, w = x.shape
    apart = x.reshape([n, channels, h // size, size, w // size, size]).permute(0, 3, 5, 1, 2, 4)
    return apart.reshape([n, channels * size * size, h // size, w // size])
