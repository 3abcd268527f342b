"""Normalisations and softmax, each kept whole."""

import math

import torch

from ._table import Unsupported, fake, lowers, wrap
from .pointwise import fused


def _scale(build, weight, bias, size, like):
    """Ones and zeros where a norm has no weight or no bias."""
    weight = weight or build.constant(torch.ones(size, dtype=like.dtype), f"ones.{size}.{str(like.dtype)[6:]}")
    bias = bias or build.constant(torch.zeros(size, dtype=like.dtype), f"zeros.{size}.{str(like.dtype)[6:]}")
    return weight, bias


def _rows(build, x, dims, like):
    """x with its last `dims` dims as one."""
    size = 1
    for d in dims:
        size = size * d
    return build.reshape(x, [*like.shape[: like.dim() - len(dims)], size]), size


@lowers("layer_norm")
def _layer_norm(build, node, x, shape, weight=None, bias=None, eps=1e-5, cudnn=True):
    like = fake(node)
    rows, size = _rows(build, x, shape, like)
    weight, bias = _scale(build, weight, bias, size, like)
    weight, bias = build.reshape(weight, [size]), build.reshape(bias, [size])
    y = build.op("layer_norm", [rows, weight, bias], {"eps": eps}, [build.value((like.dtype, rows.shape))])[0]
    return build.reshape(y, like.shape)


@lowers("rms_norm")
def _rms_norm(build, node, x, shape, weight=None, eps=None):
    like = fake(node)
    rows, size = _rows(build, x, shape, like)
    weight, _ = _scale(build, weight, None, size, like)
    eps = torch.finfo(like.dtype).eps if eps is None else eps
    y = build.op(
        "rms_norm", [rows, build.reshape(weight, [size])], {"eps": eps}, [build.value((like.dtype, rows.shape))]
    )
    return build.reshape(y[0], like.shape)


def _channels(build, name, x, like, rest, **attrs):
    """An operator on [N, C, S], whatever the spatial dims."""
    places = [like.shape[0], like.shape[1], math.prod(like.shape[2:])]
    flat = build.reshape(x, places)
    y = build.op(name, [flat, *rest], attrs, [build.value((like.dtype, places))])[0]
    return build.reshape(y, like.shape)


@lowers("group_norm")
def _group_norm(build, node, x, groups, weight=None, bias=None, eps=1e-5, cudnn=True):
    like = fake(node)
    return _channels(
        build, "group_norm", x, like, _scale(build, weight, bias, like.shape[1], like), groups=groups, eps=eps
    )


@lowers("instance_norm")
def _instance_norm(build, node, x, weight, bias, mean, var, use_input_stats, momentum, eps, cudnn=True):
    like = fake(node)
    if not use_input_stats:
        return _batch_norm(build, node, x, weight, bias, mean, var, False, momentum, eps)
    channels = like.shape[1]
    return _channels(
        build, "group_norm", x, like, _scale(build, weight, bias, channels, like), groups=channels, eps=eps
    )


@lowers("batch_norm")
def _batch_norm(build, node, x, weight, bias, mean, var, training, momentum, eps, cudnn=True):
    if training or mean is None or var is None:
        raise Unsupported("batch_norm that takes its statistics from the batch: call model.eval()")
    return _inference(build, x, fake(node), weight, bias, mean, var, eps)


def _inference(build, x, like, weight, bias, mean, var, eps):
    weight, bias = _scale(build, weight, bias, like.shape[1], like)
    return _channels(build, "batch_norm", x, like, [mean, var, weight, bias, None], eps=eps)


@lowers("_native_batch_norm_legit_no_training")
def _no_training(build, node, x, weight, bias, mean, var, momentum, eps):
    return [_inference(build, x, fake(node)[0], weight, bias, mean, var, eps)]


@lowers("softmax.int", "_softmax", "log_softmax.int", "_log_softmax")
def _softmax(build, node, x, dim, *_, **__):
    like = fake(node)
    dim = wrap(dim, like.dim())
    order = [d for d in range(like.dim()) if d != dim] + [dim]
    if x.dtype != like.dtype:
        x = fused(build, (like.dtype, fake(node.args[0]).shape), lambda v: v.to(like.dtype), x)
    rows = build.permute(x, order)
    name = "log_softmax" if "log_softmax" in str(node.target) else "softmax"
    y = build.op(name, [rows], {}, [build.value((like.dtype, rows.shape))])[0]
    return build.permute(y, [order.index(d) for d in range(like.dim())])
