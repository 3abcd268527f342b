"""What becomes of each operator of the traced graph: Strata's own stay as they are, the ATen ones are lowered here.

To lower one more, write a function `(build, node, args, kwargs)` that returns the Value it makes, and name the
overloads above it. `args` are Values where the graph has tensors. Raise `Unsupported` with the reason when the
arguments are outside what the operator can do.
"""

import torch

from .. import ops

aten = torch.ops.aten
TABLE = {}


class Unsupported(Exception):
    """This call of a known operator cannot be lowered; the message says why."""


def lowers(*overloads):
    def add(function):
        TABLE.update(dict.fromkeys(overloads, function))
        return function

    return add


def _one(build, node, name, inputs, **attrs):
    return build.op(ops.schemas[name], inputs, attrs, [build.value(node.meta["val"])])[0]


def _last(node, dim, what):
    rank = node.args[0].meta["val"].dim()
    if dim % rank != rank - 1:
        raise Unsupported(f"{what} over dim {dim}; the kernel takes the last dim alone")


@lowers(aten.linear.default)
def _linear(build, node, x, weight, bias=None):
    return _one(build, node, "linear", [x, weight, bias, None, None])


@lowers(aten.layer_norm.default)
def _layer_norm(build, node, x, shape, weight=None, bias=None, eps=1e-5, cudnn=True):
    if len(shape) != 1 or weight is None or bias is None:
        raise Unsupported("layer_norm without weight and bias, or over several dims")
    return _one(build, node, "layer_norm", [x, weight, bias], eps=eps)


@lowers(aten.rms_norm.default)
def _rms_norm(build, node, x, shape, weight=None, eps=None):
    if len(shape) != 1 or weight is None or eps is None:
        raise Unsupported("rms_norm without weight or eps, or over several dims")
    return _one(build, node, "rms_norm", [x, weight], eps=eps)


@lowers(aten.gelu.default)
def _gelu(build, node, x, approximate="none"):
    return _one(build, node, "gelu", [x], approximate=ops.schemas["gelu"].attrs[0].encode(approximate))


@lowers(aten.softmax.int, aten._softmax.default)
def _softmax(build, node, x, dim, *_, **__):
    _last(node, dim, "softmax")
    return _one(build, node, "softmax", [x])


@lowers(aten.log_softmax.int, aten._log_softmax.default)
def _log_softmax(build, node, x, dim, *_, **__):
    _last(node, dim, "log_softmax")
    return _one(build, node, "log_softmax", [x])


@lowers(aten.embedding.default)
def _embedding(build, node, weight, ids, *_, **__):
    return _one(build, node, "embedding", [weight, ids])


@lowers(aten.add.Tensor)
def _add(build, node, x, y, alpha=1):
    if not all(hasattr(v, "shape") for v in (x, y)) or x.shape != y.shape or x.dtype != y.dtype or alpha != 1:
        raise Unsupported(
            "add with broadcasting, a number, mixed dtypes or alpha; the kernel adds two tensors of one shape"
        )
    return _one(build, node, "add", [x, y])


@lowers(aten.view.default, aten._unsafe_view.default, aten.reshape.default, aten.unsqueeze.default,
        aten.squeeze.dim, aten.squeeze.dims, aten.flatten.using_ints)
def _reshape(build, node, x, *_):
    return build.view("reshape", x, build.value(node.meta["val"]))


@lowers(aten.permute.default, aten.transpose.int, aten.t.default)
def _permute(build, node, x, *dims):
    rank = len(x.shape)
    order = list(range(rank))
    if node.target is aten.permute.default:
        order = [d % rank for d in dims[0]]
    elif rank > 1:
        a, b = [d % rank for d in (dims or (0, 1))]
        order[a], order[b] = order[b], order[a]
    if order == list(range(rank)):
        return x
    out = build.value(node.meta["val"], contiguous=False, rows_contiguous=x.rows_contiguous and order[-1] == rank - 1)
    return build.view("permute", x, out, {"dims": order})


def _cut(build, x, like, dim, start):
    whole = dim == 0 and x.contiguous  # a run of rows is contiguous still
    out = build.value(like, contiguous=whole, rows_contiguous=x.rows_contiguous)
    return build.view("slice", x, out, {"dim": dim, "start": start})


@lowers(aten.slice.Tensor)
def _slice(build, node, x, dim=0, start=None, end=None, step=1):
    if step != 1:
        raise Unsupported(f"slice with step {step}")
    start = build.dims.text(start if start is not None else 0)
    if isinstance(start, int) and start < 0:
        raise Unsupported("slice with a start counted from the end")
    return _cut(build, x, node.meta["val"], dim % len(x.shape), start)


@lowers(aten.select.int)
def _select(build, node, x, dim, index):
    like = node.args[0].meta["val"].narrow(dim, 0, 1)
    if not isinstance(index, int) or index < 0:
        raise Unsupported("select by anything but a number from 0 on")
    return build.view("reshape", _cut(build, x, like, dim % len(x.shape), index), build.value(node.meta["val"]))


@lowers(aten.clone.default, aten.contiguous.default)
def _contiguous(build, node, x, *_, **__):
    return x if x.contiguous else build.copy(x)


@lowers(aten.detach.default, aten.alias.default, aten.detach_.default)
def _alias(build, node, x):
    return x
