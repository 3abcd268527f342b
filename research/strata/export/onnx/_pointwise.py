"""ONNX's operators of one element, casts and comparisons."""

import operator

import torch
from torch.nn import functional as F

from .._errors import Unsupported
from ._table import onnx_op
from ._values import Sizes, tensor


def _divided(a, b):
    """Whole numbers divide towards zero."""
    if isinstance(a, torch.Tensor):
        return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")
    return a // b if not isinstance(a, int) or not isinstance(b, int) or a * b >= 0 else -(-a // b)


def _both(a, b):
    """The values of two Sizes, paired."""
    count = max(len(a.values), len(b.values))
    return [v * count if len(v) == 1 else v for v in (a.values, b.values)]


def _on_sizes(function, a, b, dtype=None):
    left, right = _both(a, b)
    return Sizes([function(x, y) for x, y in zip(left, right)], max(a.rank, b.rank), dtype or a.dtype)


_ARITHMETIC = {
    "Add": operator.add, "Sub": operator.sub, "Mul": operator.mul, "Div": _divided, "And": torch.logical_and,
    "Or": torch.logical_or, "Xor": torch.logical_xor, "Equal": operator.eq, "Less": operator.lt,
    "LessOrEqual": operator.le, "Greater": operator.gt, "GreaterOrEqual": operator.ge,
}  # fmt: skip


@onnx_op(*_ARITHMETIC, sizes=True)
def _arithmetic(node, a, b):
    function = _ARITHMETIC[node.op]
    if isinstance(a, Sizes) and isinstance(b, Sizes) and node.op not in ("And", "Or", "Xor"):
        made = _on_sizes(function, a, b, torch.bool if node.op in list(_ARITHMETIC)[7:] else None)
        # Of symbolic sizes every comparison has an answer that holds for all of them.
        return made if made.dtype != torch.bool else Sizes([bool(v) for v in made.values], made.rank, torch.bool)
    return function(tensor(a), tensor(b))


@onnx_op("Mod", sizes=True)
def _mod(node, a, b):
    if isinstance(a, Sizes) and isinstance(b, Sizes) and not node.get("fmod"):
        return _on_sizes(operator.mod, a, b)
    return (torch.fmod if node.get("fmod") else torch.remainder)(tensor(a), tensor(b))


@onnx_op("Neg", sizes=True)
def _neg(node, x):
    return Sizes([-v for v in x.values], x.rank, x.dtype) if isinstance(x, Sizes) else -x


@onnx_op("Pow")
def _pow(node, a, b):
    return torch.pow(a, b).to(a.dtype)


@onnx_op("Min", "Max", "Sum", "Mean", sizes=True)
def _variadic(node, *given):
    if all(isinstance(v, Sizes) for v in given) and node.op in ("Min", "Max"):
        made, pick = given[0], torch.sym_min if node.op == "Min" else torch.sym_max
        for other in given[1:]:
            made = _on_sizes(pick, made, other)
        return made
    made = tensor(given[0])
    step = {"Min": torch.minimum, "Max": torch.maximum}.get(node.op, operator.add)
    for other in given[1:]:
        made = step(made, tensor(other))
    return made / len(given) if node.op == "Mean" else made


_UNARY = {
    "Abs": torch.abs, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt, "Reciprocal": torch.reciprocal,
    "Erf": torch.erf, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "Relu": torch.relu, "Softplus": F.softplus,
    "Softsign": lambda x: x / (1 + abs(x)), "Floor": torch.floor, "Ceil": torch.ceil, "Round": torch.round,
    "Sign": torch.sign, "Sin": torch.sin, "Cos": torch.cos, "Tan": torch.tan, "Not": torch.logical_not,
    "IsNaN": torch.isnan, "HardSwish": F.hardswish, "Mish": F.mish,
    "Sinh": lambda x: (torch.exp(x) - torch.exp(-x)) / 2, "Cosh": lambda x: (torch.exp(x) + torch.exp(-x)) / 2,
}  # fmt: skip


@onnx_op(*_UNARY)
def _unary(node, x):
    return _UNARY[node.op](x)


@onnx_op("IsInf")
def _is_inf(node, x):
    up, down = node.get("detect_positive", 1), node.get("detect_negative", 1)
    if up and down:
        return torch.isinf(x)
    return x == float("inf") if up else x == float("-inf") if down else torch.zeros_like(x, dtype=torch.bool)


@onnx_op("Gelu")
def _gelu(node, x):
    return F.gelu(x, approximate=node.get("approximate", "none"))


@onnx_op("Swish")
def _swish(node, x):
    alpha = node.get("alpha", 1.0)
    return F.silu(x) if alpha == 1 else x * torch.sigmoid(alpha * x)


@onnx_op("LeakyRelu")
def _leaky(node, x):
    return F.leaky_relu(x, node.get("alpha", 0.01))


@onnx_op("PRelu")
def _prelu(node, x, slope):
    return torch.where(x < 0, x * slope, x)


@onnx_op("Elu", "Celu")
def _elu(node, x):
    alpha = node.get("alpha", 1.0)
    return F.elu(x, alpha) if node.op == "Elu" else torch.where(x > 0, x, alpha * torch.expm1(x / alpha))


@onnx_op("Selu")
def _selu(node, x):
    gamma, alpha = node.get("gamma", 1.0507009873554805), node.get("alpha", 1.6732632423543772)
    return gamma * torch.where(x > 0, x, alpha * torch.expm1(x))


@onnx_op("HardSigmoid")
def _hard_sigmoid(node, x):
    return torch.clamp(x * node.get("alpha", 0.2) + node.get("beta", 0.5), 0, 1)


@onnx_op("ThresholdedRelu")
def _thresholded(node, x):
    return torch.where(x > node.get("alpha", 1.0), x, 0.0)


@onnx_op("Clip")
def _clip(node, x, low=None, high=None):
    x = x if low is None else torch.maximum(x, low.to(x.dtype))
    return x if high is None else torch.minimum(x, high.to(x.dtype))


@onnx_op("Where", sizes=True)
def _where(node, condition, a, b):
    if all(isinstance(v, Sizes) for v in (condition, a, b)):
        count = max(len(v.values) for v in (condition, a, b))
        each = [v.values * count if len(v.values) == 1 else v.values for v in (condition, a, b)]
        return Sizes([x if c else y for c, x, y in zip(*each)], max(v.rank for v in (condition, a, b)), a.dtype)
    return torch.where(tensor(condition), tensor(a), tensor(b))


def _dtype(code):
    import numpy as np
    from onnx import helper

    name = np.dtype(helper.tensor_dtype_to_np_dtype(code)).name
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise Unsupported(f"a cast to {name}")
    return found


@onnx_op("Cast", sizes=True)
def _cast(node, x):
    dtype = _dtype(node.attrs["to"])
    if isinstance(x, Sizes) and dtype in (torch.int64, torch.int32):
        return Sizes(list(x.values), x.rank, dtype)
    return tensor(x).to(dtype)


@onnx_op("CastLike")
def _cast_like(node, x, like):
    return x.to(like.dtype)


@onnx_op("Identity", "Dropout", sizes=True)
def _same(node, x, *_):
    if node.op == "Dropout" and len(_) > 1 and _[1] is not None:
        raise Unsupported("Dropout with a training_mode")
    return x


@onnx_op("DequantizeLinear")
def _dequantize(node, x, scale, zero=None):
    if node.get("block_size"):
        raise Unsupported("DequantizeLinear in blocks")
    shape = [1] * x.dim()
    if scale.dim():
        shape[node.get("axis", 1)] = -1
    values = x.to(scale.dtype)
    if zero is not None:
        values = values - zero.to(scale.dtype).reshape(shape if zero.dim() else [])
    return values * scale.reshape(shape if scale.dim() else [])
