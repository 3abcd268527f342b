"""ONNX's convolutions, pooling and resizing."""

import torch
from torch.nn import functional as F

from .._errors import Unsupported
from ._table import onnx_op
from ._values import sizes, tensor


def _pads(node, x, kernel, stride, dilation):
    """(padding before, after) of every spatial dim."""
    rank, mode = len(kernel), node.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        pads = node.get("pads") or [0] * (2 * rank)
        return list(zip(pads[:rank], pads[rank:]))
    if mode == "VALID":
        return [(0, 0)] * rank
    made = []
    for size, k, s, d in zip(x.shape[2:], kernel, stride, dilation):
        if not isinstance(size, int):
            raise Unsupported(f"auto_pad {mode} of a size that is not fixed")
        whole = max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        small = whole // 2
        made.append((small, whole - small) if mode == "SAME_UPPER" else (whole - small, small))
    return made


def _padded(x, pads, value=0.0):
    """(x, its padding): what lies differently before and after is put around x."""
    if all(before == after for before, after in pads):
        return x, [before for before, _ in pads]
    return F.pad(x, [p for pair in reversed(pads) for p in pair], value=value), [0] * len(pads)


def _settings(node, kernel):
    rank = len(kernel)
    return (node.get("strides") or [1] * rank), (node.get("dilations") or [1] * rank)


@onnx_op("Conv")
def _conv(node, x, weight, bias=None):
    kernel = list(weight.shape[2:])
    stride, dilation = _settings(node, kernel)
    x, padding = _padded(x, _pads(node, x, kernel, stride, dilation))
    rank = len(kernel)
    if rank not in (1, 2, 3):
        raise Unsupported(f"a convolution over {rank} dims")
    return getattr(F, f"conv{rank}d")(x, weight, bias, stride, padding, dilation, node.get("group", 1))


@onnx_op("ConvTranspose")
def _conv_transpose(node, x, weight, bias=None):
    kernel = list(weight.shape[2:])
    stride, dilation = _settings(node, kernel)
    if node.get("output_shape") or node.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise Unsupported("ConvTranspose with an output_shape or auto_pad")
    pads, extra = _pads(node, x, kernel, stride, dilation), node.get("output_padding") or [0] * len(kernel)
    # Less cut off behind than in front is output that is longer by the difference.
    extra = [e + before - after for e, (before, after) in zip(extra, pads)]
    if any(e < 0 for e in extra) or any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation)):
        raise Unsupported("ConvTranspose with such a padding on one side")
    call = getattr(F, f"conv_transpose{len(kernel)}d")
    return call(x, weight, bias, stride, [before for before, _ in pads], extra, node.get("group", 1), dilation)


@onnx_op("MaxPool")
def _max_pool(node, x):
    kernel = node.attrs["kernel_shape"]
    stride, dilation = _settings(node, kernel)
    x, padding = _padded(x, _pads(node, x, kernel, stride, dilation), -torch.inf)
    call = getattr(F, f"max_pool{len(kernel)}d")
    return call(x, kernel, stride, padding, dilation, bool(node.get("ceil_mode", 0)))


@onnx_op("AveragePool")
def _average_pool(node, x):
    kernel, count = node.attrs["kernel_shape"], bool(node.get("count_include_pad", 0))
    stride, dilation = _settings(node, kernel)
    pads = _pads(node, x, kernel, stride, dilation)
    if any(d != 1 for d in dilation) or (not count and any(a != b for a, b in pads)):
        raise Unsupported("AveragePool with dilations, or with another padding before than after that does not count")
    x, padding = _padded(x, pads)
    call, ceil = getattr(F, f"avg_pool{len(kernel)}d"), bool(node.get("ceil_mode", 0))
    return call(x, kernel, stride, padding, ceil, count)


@onnx_op("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(node, x):
    dims = list(range(2, x.dim()))
    return x.mean(dims, True) if node.op == "GlobalAveragePool" else x.amax(dims, True)


_SMOOTH = {"linear": ("linear", "bilinear", "trilinear"), "cubic": (None, "bicubic", None)}


def _sizes_of(node, x, scales, wanted):
    """(the new spatial sizes, the factors that the node gives)."""
    named = node.get("axes")
    whole = list(range(x.dim())) if named is None else [a % x.dim() for a in named]
    each = dict(zip(whole, wanted if wanted is not None else scales))
    if any(each.get(d, 1 if wanted is None else x.shape[d]) not in (1.0, x.shape[d]) for d in (0, 1)):
        raise Unsupported("Resize of the batch or the channels")
    dims = range(2, x.dim())
    if wanted is not None:
        return [each.get(d, x.shape[d]) for d in dims], None
    factors = [float(each.get(d, 1.0)) for d in dims]
    if not all(isinstance(x.shape[d], int) for d in dims):
        raise Unsupported("Resize of sizes that are not fixed")
    return [int(x.shape[d] * f) for d, f in zip(dims, factors)], factors


@onnx_op("Resize", sizes=True)
def _resize(node, x, region=None, scales=None, wanted=None):
    x, mode = tensor(x), node.get("mode", "nearest")
    where = node.get("coordinate_transformation_mode", "half_pixel")
    if node.get("keep_aspect_ratio_policy", "stretch") != "stretch" or node.get("antialias", 0):
        raise Unsupported("Resize that keeps an aspect ratio, or with antialias")
    factors = None if wanted is not None else node.constant(2)
    if wanted is None and not factors:
        raise Unsupported("Resize by factors that are computed from data")
    new, factors = _sizes_of(node, x, factors, None if wanted is None else list(sizes(wanted, "a size")))
    same = factors is None or all(n == x.shape[2 + d] * f for d, (n, f) in enumerate(zip(new, factors)))
    if mode == "nearest":
        return _nearest(node, x, new, where)
    name = _SMOOTH.get(mode, (None,) * 3)[len(new) - 1]
    if name is None or where not in ("half_pixel", "align_corners", "pytorch_half_pixel") or not same:
        raise Unsupported(f"Resize of mode {mode} with {where}")
    if mode == "cubic" and (node.get("cubic_coeff_a", -0.75) != -0.75 or node.get("exclude_outside", 0)):
        raise Unsupported("Resize with another cubic than PyTorch's")
    return F.interpolate(x, size=new, mode=name, align_corners=where == "align_corners")


def _nearest(node, x, new, where):
    had, rounding = list(x.shape[2:]), node.get("nearest_mode", "round_prefer_floor")
    whole = all(isinstance(n, int) and isinstance(h, int) and n % h == 0 for n, h in zip(new, had))
    # By whole factors these name the same elements.
    if (where, rounding) == ("asymmetric", "floor") or (whole and where == "half_pixel" and "round" in rounding):
        return F.interpolate(x, size=new, mode="nearest")
    raise Unsupported(f"Resize to the nearest with {where} and {rounding}")
