"""ONNX's reductions, and what picks by size."""

import torch

from ._table import onnx_op, several
from ._values import Sizes, axes, number, tensor

_REDUCE = {
    "ReduceSum": lambda x, d, k: x.sum(d, k), "ReduceMean": lambda x, d, k: x.mean(d, k),
    "ReduceMax": lambda x, d, k: x.amax(d, k), "ReduceMin": lambda x, d, k: x.amin(d, k),
    "ReduceL1": lambda x, d, k: abs(x).sum(d, k), "ReduceL2": lambda x, d, k: torch.linalg.vector_norm(x, 2, d, k),
    "ReduceSumSquare": lambda x, d, k: (x * x).sum(d, k), "ReduceLogSum": lambda x, d, k: torch.log(x.sum(d, k)),
    "ReduceLogSumExp": lambda x, d, k: torch.logsumexp(x, d, k),
}  # fmt: skip


@onnx_op(*_REDUCE, sizes=True)
def _reduce(node, x, given=None):
    x, dims = tensor(x), axes(node, given)
    if dims is None and node.get("noop_with_empty_axes", 0):
        return _REDUCE[node.op](x[None], [0], False)  # the operator's own function of each element
    dims = list(range(x.dim())) if dims is None else dims
    return _REDUCE[node.op](x, dims, bool(node.get("keepdims", 1))) if dims else x


@onnx_op("ReduceProd", sizes=True)
def _product(node, x, given=None):
    if isinstance(x, Sizes):
        made = 1
        for v in x.values:
            made = made * v
        return Sizes([made], int(bool(node.get("keepdims", 1)) and x.rank), x.dtype)
    dims = axes(node, given) or list(range(x.dim()))
    for dim in sorted((d % x.dim() for d in dims), reverse=True):
        last = torch.cumprod(x, dim).select(dim, x.shape[dim] - 1)
        x = last.unsqueeze(dim) if node.get("keepdims", 1) else last
    return x


@onnx_op("ArgMax", "ArgMin")
def _arg(node, x):
    dim, keep = node.get("axis", 0) % x.dim(), bool(node.get("keepdims", 1))
    last = bool(node.get("select_last_index", 0))
    x = x.flip(dim) if last else x
    found = (x.max(dim, keep) if node.op == "ArgMax" else x.min(dim, keep))[1]
    return x.shape[dim] - 1 - found if last else found


@onnx_op("TopK", sizes=True)
@several
def _top_k(node, x, k):
    x, dim, count = tensor(x), node.get("axis", -1), number(k, "a number of elements")
    x = x.movedim(dim, -1)
    values, places = torch.topk(x if node.get("largest", 1) else -x, count)
    values = values if node.get("largest", 1) else -values
    return values.movedim(-1, dim), places.movedim(-1, dim)


@onnx_op("CumSum", sizes=True)
def _cumsum(node, x, axis):
    x, dim = tensor(x), int(number(axis, "an axis"))
    x = x.flip(dim) if node.get("reverse", 0) else x
    made = torch.cumsum(x, dim)
    made = made - x if node.get("exclusive", 0) else made
    return made.flip(dim) if node.get("reverse", 0) else made


@onnx_op("Softmax", "LogSoftmax")
def _softmax(node, x):
    return (torch.softmax if node.op == "Softmax" else torch.log_softmax)(x, node.get("axis", -1))


@onnx_op("LpNormalization")
def _lp(node, x):
    length = torch.linalg.vector_norm(x, node.get("p", 2), node.get("axis", -1), True)
    return torch.where(length == 0, 0.0, x / torch.where(length == 0, 1.0, length))


@onnx_op("OneHot", sizes=True)
def _one_hot(node, ids, depth, values):
    ids, values, axis = tensor(ids).to(torch.int64), tensor(values), node.get("axis", -1)
    count = number(depth, "a depth")
    axis = axis % (ids.dim() + 1)
    ids = torch.where(ids < 0, ids + count, ids)
    shape = [1] * (ids.dim() + 1)
    shape[axis] = count
    hot = ids.unsqueeze(axis) == torch.arange(count).reshape(shape)
    return torch.where(hot, values[1], values[0])


@onnx_op("Size", sizes=True)
def _size(node, x):
    made = 1
    for v in x.shape:
        made = made * v
    return Sizes([made], 0)
