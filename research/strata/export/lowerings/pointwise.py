"""Element by element: every operator here becomes a small program of the `pointwise` operator; chains of them are
joined afterwards (rewrites/pointwise_chains.py), which changes no bit, since a program rounds at each step."""

import functools
import math

import torch

from ... import pointwise as fusing
from ...pointwise._graph import write
from ...pointwise._trace import trace
from .._plan import Value
from ._table import Unsupported, fake, lowers

_KNOWN = (torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int32, torch.int64, torch.uint8,
          torch.bool)  # fmt: skip


def fused(build, like, function, *operands):
    """The value of a function of one element; operands are Values, which broadcast, and numbers. `like` is the tensor
    that it makes, or (dtype, sizes). The function casts what it has to cast, its result included."""
    made = build.value(like)
    numbers = [_number(o) if isinstance(o, Value) else o for o in operands]
    if all(n is not None for n in numbers):  # numbers alone: one of them stays a tensor
        numbers[next(i for i, o in enumerate(operands) if isinstance(o, Value))] = None
    tensors = [o for o, n in zip(operands, numbers) if n is None]
    for value in [made, *tensors]:
        if value.dtype not in _KNOWN:
            raise Unsupported(f"arithmetic on {str(value.dtype).removeprefix('torch.')}")
    for n in numbers:
        if isinstance(n, torch.SymInt):
            raise Unsupported("arithmetic with a size")

    def run(*stand_ins):
        given = iter(stand_ins)
        result = function(*[next(given) if n is None else n for n in numbers])
        return result if result.dtype == made.dtype else result.to(made.dtype)

    same = len(tensors) == 1 and tensors[0].dtype == made.dtype and _is_identity(run, made.dtype)
    if same:
        return build.broadcast(tensors[0], made.shape)
    outputs, _ = trace(run, [t.dtype for t in tensors])
    text, used = write(outputs)
    return build.op("pointwise", [[tensors[i] for i in used]], {"program": text}, [made])[0]


def _is_identity(run, dtype):
    try:
        trace(run, [dtype])
    except TypeError as error:
        return "computed" in str(error)
    return False


def _number(value):
    """A constant without dims as a Python number, None for anything else."""
    return value.tensor.item() if value.constant and value.tensor.dim() == 0 else None


def _common(node, args):
    """What PyTorch computes these in."""
    kept = [fake(n) if isinstance(a, Value) else a for n, a in zip(node.args, args)]
    dtype = torch.result_type(kept[0], kept[1]) if len(kept) > 1 else kept[0].dtype
    for other in kept[2:]:
        dtype = torch.promote_types(dtype, torch.result_type(torch.empty((), dtype=dtype), other))
    return dtype


def _cast(x, dtype):
    return x.to(dtype) if hasattr(x, "to") else x


def _elementwise(function, floats=False):
    """The lowering of an operator whose operands are cast to their common dtype, to a floating one with `floats`."""

    def lowering(build, node, *args, **_):
        compute = _common(node, args)
        if floats and not compute.is_floating_point:
            compute = torch.get_default_dtype()
        return fused(build, fake(node), lambda *v: function(*[_cast(x, compute) for x in v]), *args)

    return lowering


def _wide(function):
    """Computed in float32 where the dtype is narrower, and rounded once: what PyTorch does within one operator."""

    def call(x, *rest):
        wide = fusing.wide(x)
        result = function(wide, *[fusing.wide(r) if hasattr(r, "to") else r for r in rest])
        return result.to(x.dtype) if wide is not x else result

    return call


def _unary(name, function, floats=True):
    lowers(name)(_elementwise(function, floats))


for _name in ("exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "tanh", "erf", "sigmoid", "reciprocal"):
    _unary(_name, getattr(torch, _name))
_unary("silu", torch.nn.functional.silu)
_unary("exp2", _wide(lambda x: torch.exp(x * math.log(2.0))))
_unary("log2", _wide(torch.log2))
_unary("log10", _wide(torch.log10))
_unary("tan", _wide(lambda x: torch.sin(x) / torch.cos(x)))
_unary("special_ndtr", torch.special.ndtr)
_unary("erfc", _wide(lambda x: 1 - torch.erf(x)))
_unary("log_sigmoid", _wide(lambda x: fusing.minimum(x, 0.0) - torch.log1p(torch.exp(-abs(x)))))
_unary("hardsigmoid", _wide(lambda x: fusing.minimum(fusing.maximum(x + 3, 0.0), 6.0) / 6))
_unary("hardswish", _wide(lambda x: x * fusing.minimum(fusing.maximum(x + 3, 0.0), 6.0) / 6))
_unary("mish", _wide(lambda x: x * torch.tanh(torch.nn.functional.softplus(x))))
_unary("relu", lambda x: fusing.maximum(x, 0), floats=False)
_unary("relu6", lambda x: fusing.minimum(fusing.maximum(x, 0), 6), floats=False)
_unary("neg", lambda x: -x, floats=False)
_unary("abs", abs, floats=False)
_unary("sign", torch.sign, floats=False)
_unary("square", lambda x: x * x, floats=False)
for _name in ("floor", "ceil", "round", "trunc"):
    _unary(_name, getattr(torch, _name))
_unary("isnan", lambda x: x != x)
_unary("isinf", lambda x: abs(x) == math.inf)
_unary("isfinite", lambda x: abs(x) < math.inf)


@lowers("gelu")
def _gelu(build, node, x, approximate="none"):
    return fused(build, fake(node), lambda v: torch.nn.functional.gelu(v, approximate=approximate), x)


@lowers("leaky_relu")
def _leaky_relu(build, node, x, slope=0.01):
    return fused(build, fake(node), lambda v: torch.where(v > 0, v, v * slope), x)


@lowers("elu")
def _elu(build, node, x, alpha=1.0, scale=1.0, input_scale=1.0):
    function = _wide(lambda v: torch.where(v > 0, v * scale, torch.expm1(v * input_scale) * (alpha * scale)))
    return fused(build, fake(node), function, x)


@lowers("selu")
def _selu(build, node, x):
    return _elu(build, node, x, 1.6732632423543772, 1.0507009873554805)


@lowers("softplus")
def _softplus(build, node, x, beta=1.0, threshold=20.0):
    def function(v):
        return torch.where(v * beta > threshold, v, torch.log1p(torch.exp(v * beta)) / beta)

    return fused(build, fake(node), _wide(function), x)


@lowers("hardtanh")
def _hardtanh(build, node, x, low=-1.0, high=1.0):
    return _clamp(build, node, x, low, high)


@lowers("clamp", "clamp.Tensor", "clamp_min", "clamp_max", "clip", "clamp_min.Tensor", "clamp_max.Tensor")
def _clamp(build, node, x, low=None, high=None):
    if "clamp_max" in str(node.target):
        low, high = None, low
    dtype = fake(node).dtype

    def function(v, *bounds):
        bounds = iter(bounds)
        v = _cast(v, dtype)
        for bound, keep in ((low, fusing.maximum), (high, fusing.minimum)):
            if bound is not None:
                v = keep(v, _cast(next(bounds), dtype))
        return v

    return fused(build, fake(node), function, x, *[b for b in (low, high) if b is not None])


def _arithmetic(*names):
    return lambda function: lowers(*names)(_elementwise(function))


def _bools(*values):
    return all(getattr(v, "dtype", torch.bool) == torch.bool for v in values)


def _compare(function, a, b):
    plain = [v.to(torch.int32) if getattr(v, "dtype", None) == torch.bool else v for v in (a, b)]
    return function(*plain)


_arithmetic("mul.Tensor", "mul.Scalar", "multiply.Tensor")(lambda a, b: _truth("and", a, b) if _bools(a, b) else a * b)
_arithmetic("minimum", "min.other")(fusing.minimum)
_arithmetic("maximum", "max.other")(fusing.maximum)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _arithmetic(f"{_name}.Tensor", f"{_name}.Scalar")(functools.partial(_compare, getattr(torch, _name)))


@lowers("add.Tensor", "add.Scalar", "sub.Tensor", "sub.Scalar", "rsub.Scalar", "rsub.Tensor")
def _add(build, node, a, b, alpha=1):
    name, compute = str(node.target), fake(node).dtype
    if name.startswith("aten.rsub"):
        a, b = b, a
    if compute == torch.bool:
        return fused(build, fake(node), lambda x, y: _truth("or", x, y), a, b)

    def function(x, y):
        x, y = _cast(x, compute), _cast(y, compute)
        y = y if alpha == 1 else y * alpha
        return x + y if "add" in name else x - y

    return fused(build, fake(node), function, a, b)


@lowers("div.Tensor", "div.Scalar", "div.Tensor_mode", "div.Scalar_mode", "floor_divide", "floor_divide.Scalar")
def _div(build, node, a, b, rounding_mode=None):
    mode = "floor" if "floor_divide" in str(node.target) else rounding_mode
    dtype = fake(node).dtype
    compute = dtype if dtype.is_floating_point else torch.float64  # exact below 2^52

    def function(x, y):
        quotient = fusing.wide(_cast(x, compute)) / (fusing.wide(_cast(y, compute)) if hasattr(y, "to") else y)
        return {"floor": torch.floor, "trunc": torch.trunc, None: lambda q: q}[mode](quotient)

    return fused(build, fake(node), function, a, b)


@lowers("remainder.Tensor", "remainder.Scalar", "fmod.Tensor", "fmod.Scalar")
def _remainder(build, node, a, b):
    """In float64, where quotients below 2^28 and what they are multiplied with are exact: rounded once, at the end."""
    dtype = fake(node).dtype
    if dtype.is_floating_point and dtype != torch.float32:
        raise Unsupported(f"a remainder of {str(dtype).removeprefix('torch.')}")
    rounded = torch.trunc if "fmod" in str(node.target) else torch.floor

    def exact(v):  # a number has the tensor's dtype first
        return v.to(dtype).to(torch.float64) if hasattr(v, "to") else torch.tensor(v, dtype=dtype).item()

    def function(x, y):
        x, y = exact(x), exact(y)
        return x - rounded(x / y) * y

    return fused(build, fake(node), function, a, b)


@lowers("pow.Tensor_Scalar", "pow.Tensor_Tensor", "pow.Scalar", "float_power.Tensor_Scalar")
def _pow(build, node, a, b):
    dtype = fake(node).dtype
    if not dtype.is_floating_point and not (isinstance(b, int) and 0 < b < 4):
        raise Unsupported("a power of integers above the third")
    return fused(build, fake(node), lambda x, y: _cast(x, dtype) ** _cast(y, dtype), a, b)


@lowers(
    "logical_and",
    "logical_or",
    "logical_xor",
    "bitwise_and.Tensor",
    "bitwise_or.Tensor",
    "bitwise_xor.Tensor",
    "__and__.Tensor",
    "__or__.Tensor",
    "bitwise_and.Scalar",
    "bitwise_or.Scalar",
)
def _logical(build, node, a, b):
    name = str(node.target)
    if "logical" not in name and fake(node).dtype != torch.bool:
        raise Unsupported("bits of integers")
    op = next(word for word in ("and", "xor", "or") if word in name)
    return fused(build, fake(node), lambda x, y: _truth(op, _cast(x, torch.bool), _cast(y, torch.bool)), a, b)


def _truth(op, x, y):
    """and, or, xor of bools, of which one may be a number."""
    if not hasattr(x, "to"):
        x, y = y, x
    if hasattr(y, "to"):
        return {"and": x & y, "or": x | y, "xor": x ^ y}[op]
    if op == "xor":
        return ~x if y else x
    if op == "and":
        return x if y else x & ~x
    return x | ~x if y else x


@lowers("logical_not", "bitwise_not")
def _not(build, node, x):
    if "bitwise" in str(node.target) and fake(node).dtype != torch.bool:
        raise Unsupported("bits of integers")
    return fused(build, fake(node), lambda v: ~v.to(torch.bool), x)


@lowers("where.self", "where.ScalarOther", "where.ScalarSelf", "where.Scalar")
def _where(build, node, condition, a, b):
    dtype = fake(node).dtype

    def function(c, x, y):
        c = c if c.dtype == torch.bool else c.to(torch.bool)
        if dtype == torch.bool:
            return (c & x) | (~c & y) if hasattr(x, "to") and hasattr(y, "to") else _choose(c, x, y)
        return _select(c, _cast(x, dtype), _cast(y, dtype), dtype)

    return fused(build, fake(node), function, condition, a, b)


def _select(c, x, y, dtype):
    """where; one of two numbers becomes an element, since an instruction has a dtype from an operand."""
    numbers = not hasattr(x, "to") and not hasattr(y, "to")
    return torch.where(c, x, c.to(dtype) * 0 + y if numbers else y)


def _choose(c, x, y):
    """where on bools of which one is a number."""
    if hasattr(x, "to"):
        return (c & x) if not y else (~c | x)
    if hasattr(y, "to"):
        return (c | y) if x else (~c & y)
    return c if x and not y else ~c


@lowers("masked_fill.Scalar", "masked_fill.Tensor")
def _masked_fill(build, node, x, mask, value):
    dtype = fake(node).dtype
    if dtype == torch.bool:
        return fused(build, fake(node), lambda v, m, n: _choose(m, n, v), x, mask, value)
    return fused(build, fake(node), lambda v, m, n: _select(m, _cast(n, dtype), v, dtype), x, mask, value)


@lowers("_to_copy", "to.dtype", "to.dtype_layout", "type_as", "to.device", "to.other")
def _to(build, node, x, *_, **__):
    return x if x.dtype == fake(node).dtype else fused(build, fake(node), lambda v: v.to(fake(node).dtype), x)


@lowers("addcmul")
def _addcmul(build, node, x, a, b, value=1):
    return fused(build, fake(node), _wide(lambda v, p, q: v + p * q * value), x, a, b)


@lowers("lerp.Scalar", "lerp.Tensor")
def _lerp(build, node, a, b, weight):
    return fused(build, fake(node), _wide(lambda x, y, w: x + (y - x) * w), a, b, weight)


@lowers("glu")
def _glu(build, node, x, dim=-1):
    dim, like = dim % x.rank, fake(node)
    size = like.shape[dim]
    a, b = build.slice(x, dim, 0, size), build.slice(x, dim, size, size)
    return fused(build, like, lambda v, w: v * torch.sigmoid(w), a, b)
