"""Stand-ins for tensors that write down what is done to them."""

import math

import torch

from ._graph import Graph

_FLOAT = {"div", "pow", "floor", "ceil", "round", "trunc", "reciprocal", "sqrt", "rsqrt", "exp", "expm1", "log",
          "log1p", "sin", "cos", "tanh", "erf", "normal_cdf", "sigmoid", "silu", "gelu", "gelu_tanh"}  # fmt: skip


class Value:
    """One element of a tensor."""

    def __init__(self, graph, node):
        self._graph, self._node = graph, node

    @property
    def dtype(self):
        return self._node.dtype

    def to(self, dtype):
        return Value(self._graph, self._graph.node("cast", self._node, dtype=dtype))

    def float(self):
        return self.to(torch.float32)

    def double(self):
        return self.to(torch.float64)

    def bool(self):
        return self.to(torch.bool)

    def __bool__(self):
        raise TypeError("a fused function cannot branch on a value: use torch.where")

    def _call(self, op, *args):
        return _apply(self._graph, op, *args)

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", str(function))
        if name not in _FUNCTIONS:
            raise TypeError(f"torch.{name} is not an operation of a fused function")
        return _FUNCTIONS[name](*args, **(kwargs or {}))


def _graph_of(args):
    return next(a._graph for a in args if isinstance(a, Value))


def _common(op, args):
    """The dtype that PyTorch would compute in."""
    tensors = [torch.empty(1, dtype=a.dtype) for a in args if isinstance(a, Value)]
    dtype = tensors[0].dtype
    for tensor in tensors[1:]:
        dtype = torch.promote_types(dtype, tensor.dtype)
    for a in args:
        if not isinstance(a, Value):
            dtype = torch.result_type(torch.empty(1, dtype=dtype), a)
    return torch.get_default_dtype() if op in _FLOAT and not dtype.is_floating_point else dtype


def _apply(graph, op, *args):
    head = args[: op == "select"]  # the condition
    dtype = torch.bool if op in ("and", "or", "xor", "not") else _common(op, args[len(head):])
    if all(not isinstance(a, Value) for a in args[len(head):]):
        raise TypeError(f"{op} of numbers alone")
    nodes = [graph.node("cast", a._node, dtype=dtype) if isinstance(a, Value) else a for a in args[len(head):]]
    return Value(graph, graph.node(op, *(c._node for c in head), *nodes))


def _function(op):
    def call(*args):
        return _apply(_graph_of(args), op, *args)

    return call


def _power(a, b):
    if isinstance(a, Value) and not isinstance(b, Value):
        known = {1: lambda: a, 2: lambda: a * a, 3: lambda: a * a * a, 0.5: lambda: torch.sqrt(a),
                 -1: lambda: torch.reciprocal(a), -0.5: lambda: torch.rsqrt(a),
                 -2: lambda: torch.reciprocal(a * a)}  # fmt: skip
        if b in known:
            return known[b]()
        if a.dtype.is_floating_point:
            b = float(b)
    return _apply(_graph_of((a, b)), "pow", a, b)


def _where(condition, a, b):
    if not isinstance(a, Value) and not isinstance(b, Value):
        dtype = torch.get_default_dtype() if isinstance(a, float) or isinstance(b, float) else torch.int64
        zero = condition.to(dtype)
        return zero * a + (1 - zero) * b if math.isfinite(a) and math.isfinite(b) else NotImplemented
    return _apply(condition._graph, "select", condition, a, b)


def _clamp(x, min=None, max=None):
    # A NaN stays; the gradient is that of x at the bounds.
    if min is not None:
        x = _where(x < min, min, x)
    return x if max is None else _where(x > max, max, x)


def _relu(x, inplace=False):
    return _where(x <= 0, 0.0, x)


def _silu(x, inplace=False):
    return _apply(x._graph, "silu", x)


def _gelu(x, approximate="none"):
    return _apply(x._graph, "gelu_tanh" if approximate == "tanh" else "gelu", x)


def _softplus(x):
    return maximum(x, 0.0) + torch.log1p(torch.exp(-abs(x)))


def _scaled_log(x, base):
    # Dividing gives a whole number for every power of the base; multiplying does not.
    return torch.log(x) / math.log(base)


def wide(x):
    """In float32 where the dtype is narrower: for functions that round once, at the end."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def maximum(a, b):
    """In a fused function: the larger of two, of which one may be a number; NaN where one is."""
    return _apply(_graph_of((a, b)), "max", a, b)


def minimum(a, b):
    """In a fused function: the smaller of two, of which one may be a number; NaN where one is."""
    return _apply(_graph_of((a, b)), "min", a, b)


def fma(a, b, c):
    """In a fused function: a * b + c, rounded once."""
    return _apply(_graph_of((a, b, c)), "fma", a, b, c)


def uniform(seed, stream):
    """In a fused function: float32 in [0, 1) from an int64 tensor of one element and the number of a stream."""
    return Value(seed._graph, seed._graph.node("uniform", seed._node, stream))


def normal(seed, stream):
    """In a fused function: standard normal float32 from an int64 tensor of one element and the number of a stream."""
    return Value(seed._graph, seed._graph.node("normal", seed._node, stream))


_NAMES = {
    "add": "add", "sub": "sub", "subtract": "sub", "mul": "mul", "multiply": "mul", "div": "div", "true_divide": "div",
    "divide": "div", "minimum": "min", "maximum": "max", "neg": "neg", "negative": "neg", "abs": "abs",
    "absolute": "abs", "sign": "sign", "floor": "floor", "ceil": "ceil", "round": "round", "trunc": "trunc",
    "reciprocal": "reciprocal", "sqrt": "sqrt", "rsqrt": "rsqrt", "exp": "exp", "expm1": "expm1", "log": "log",
    "log1p": "log1p", "sin": "sin", "cos": "cos", "tanh": "tanh", "erf": "erf", "sigmoid": "sigmoid",
    "special_ndtr": "normal_cdf", "special_expit": "sigmoid", "eq": "eq", "ne": "ne",
    "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "logical_and": "and", "logical_or": "or", "logical_xor": "xor",
    "logical_not": "not",
}  # fmt: skip
_FUNCTIONS = {name: _function(op) for name, op in _NAMES.items()} | {
    "pow": _power, "where": _where, "clamp": _clamp, "relu": _relu, "square": lambda x: x * x, "silu": _silu,
    "gelu": _gelu, "softplus": _softplus, "exp2": lambda x: _power(2.0, x), "log2": lambda x: _scaled_log(x, 2),
    "log10": lambda x: _scaled_log(x, 10),
}  # fmt: skip


def _method(name, op, swapped=False):
    def call(self, other):
        return _apply(self._graph, op, other, self) if swapped else _apply(self._graph, op, self, other)

    setattr(Value, name, call)


for _op, _name in (("add", "add"), ("sub", "sub"), ("mul", "mul"), ("div", "truediv")):
    _method(f"__{_name}__", _op)
    _method(f"__r{_name}__", _op, swapped=True)
for _op in ("lt", "le", "gt", "ge", "eq", "ne"):
    _method(f"__{_op}__", _op)
for _op in ("and", "or", "xor"):
    _method(f"__{_op}__", _op)
Value.__hash__ = object.__hash__
Value.__neg__ = lambda self: self._call("neg", self)
Value.__invert__ = lambda self: self._call("not", self)
Value.__abs__ = lambda self: self._call("abs", self)
Value.__pow__ = _power
Value.__rpow__ = lambda self, other: _power(other, self)
for _name in ("sigmoid", "exp", "log", "tanh", "sqrt", "rsqrt", "abs", "clamp", "relu", "square", "reciprocal", "sin",
              "cos"):  # fmt: skip
    setattr(Value, _name, _FUNCTIONS[_name])


def trace(function, dtypes):
    """(nodes of the results, whether there is one and not a tuple) of a function on inputs of these dtypes."""
    graph = Graph()
    inputs = [Value(graph, graph.input(dtype)) for dtype in dtypes]
    result = function(*inputs)
    single = not isinstance(result, (tuple, list))
    results = [result] if single else list(result)
    for value in results:
        if not isinstance(value, Value) or value._node.op == "input":
            raise TypeError("a fused function returns values that it has computed")
    return [v._node for v in results], single
