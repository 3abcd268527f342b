"""An ONNX graph as a torch.nn.Module that runs it node by node, and as an entry point for strata.export."""

import collections
import inspect
import re

import numpy as np
import torch

from .._entries import Entry
from .._errors import ExportError, Unsupported
from . import _layers, _pointwise, _reductions, _shapes, _windows  # noqa: F401 (they fill TABLE)
from ._read import read
from ._table import TABLE
from ._values import MOST_SIZES, Node, Sizes, tensor

_WHOLE = (torch.int64, torch.int32)
_EXAMPLES = (3, 5, 7, 4, 6, 9, 8, 10, 11)  # sizes of the dims of an example that nobody gave


def _torch(array):
    """A tensor of a constant of any dtype that PyTorch has."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    try:
        return torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape).copy())
    except TypeError as error:
        raise ExportError(f"a constant has dtype {array.dtype}, which PyTorch does not have") from error


def _constant(array):
    """Sizes where the constant may be one, else a tensor."""
    made = _torch(array)
    if made.dtype in _WHOLE and made.dim() <= 1 and made.numel() <= MOST_SIZES:
        return Sizes(made.reshape(-1).tolist(), made.dim(), made.dtype)
    return made


def _plain(name):
    """A name that a plan's value may have."""
    made = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return made if re.match(r"[A-Za-z_]", made) else "_" + made


class OnnxModel(torch.nn.Module):
    """Runs the graph's nodes in order; `entry` makes a subclass whose forward has the graph's inputs as arguments."""

    def __init__(self, graph, version):
        super().__init__()
        from onnx import numpy_helper

        self.sizes, self.weights = {}, {}
        self.small = {}  # name of a small constant -> its numbers
        for proto in graph.initializer:
            self._hold(proto.name, _constant(numpy_helper.to_array(proto)))
        if graph.sparse_initializer:
            raise ExportError("the model has sparse weights, which are not supported")
        used = {name for node in graph.node for name in node.input} | {o.name for o in graph.output}
        self.nodes = [self._node(node, version, used) for node in graph.node]
        self.inputs = [i.name for i in graph.input if i.name not in self.sizes and i.name not in self.weights]
        self.outputs = [o.name for o in graph.output]
        _refuse_missing(self.nodes)

    def _hold(self, name, value):
        if isinstance(value, Sizes):
            self.sizes[name], self.small[name] = value, value.values
            return
        if value.numel() <= MOST_SIZES:
            self.small[name] = value.reshape(-1).tolist()
        plain = f"w{len(self.weights)}_{_plain(name)}" if hasattr(self, _plain(name)) else _plain(name)
        self.weights[name] = plain
        if value.is_floating_point():
            self.register_parameter(plain, torch.nn.Parameter(value, requires_grad=False))
        else:
            self.register_buffer(plain, value)

    def _node(self, proto, version, used):
        from onnx import helper

        op = proto.op_type if proto.domain in ("", "ai.onnx") else f"{proto.domain}.{proto.op_type}"
        attrs = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
        attrs = {k: v.decode("utf-8", "replace") if isinstance(v, bytes) else v for k, v in attrs.items()}
        read = max((at + 1 for at, name in enumerate(proto.output) if name and name in used), default=1)
        node = Node(op, proto.name or (proto.output[0] if proto.output else ""), attrs, version, read,
                    tuple(map(self.small.get, proto.input)))  # fmt: skip
        if op == "Constant":
            self._hold(proto.output[0], _value(attrs))
            return None
        return node, list(proto.input), list(proto.output)

    def run(self, given):
        values = {**self.sizes, **{name: getattr(self, at) for name, at in self.weights.items()}, "": None, **given}
        for step in self.nodes:
            if step is None:
                continue
            node, inputs, outputs = step
            try:
                made = TABLE[node.op](node, *(values[name] for name in inputs))
            except Unsupported as error:
                raise ExportError(f"node {node.name!r} ({node.op}): {error}") from error
            made = made if isinstance(made, (list, tuple)) else [made]
            values.update(zip(outputs, made))
        return {_plain(name): tensor(values[name]) for name in self.outputs}


def _value(attrs):
    """What a Constant node holds."""
    from onnx import numpy_helper

    if "value" in attrs:
        return _constant(numpy_helper.to_array(attrs["value"]))
    for name, dtype in (("value_int", np.int64), ("value_ints", np.int64), ("value_float", np.float32),
                        ("value_floats", np.float32)):  # fmt: skip
        if name in attrs:
            return _constant(np.array(attrs[name], dtype=dtype))
    raise ExportError(f"a Constant holds {', '.join(attrs) or 'nothing'}, wanted numbers")


def _refuse_missing(nodes):
    missing = collections.Counter(step[0].op for step in nodes if step and step[0].op not in TABLE)
    if not missing:
        return
    first = {}
    for node, *_ in filter(None, nodes):
        first.setdefault(node.op, node.name)
    lines = [f"{op}: {count} nodes, the first is {first[op]!r}" for op, count in missing.most_common()]
    raise ExportError("no lowering for these ONNX operators:\n  " + "\n  ".join(lines))


def _forward(names):
    """A forward with the graph's inputs as its arguments."""

    def forward(self, *args, **kwargs):
        given = dict(zip(map(_plain, names), args)) | kwargs
        return self.run({name: given[_plain(name)] for name in names})

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    forward.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in ("self", *map(_plain, names))])
    return forward


class _Dims:
    """The dims of the graph's inputs: names that capitals begin, sizes for an example, and ranges."""

    def __init__(self, given):
        self.given, self.names, self.used = given, {}, set()

    def at(self, proto, name, axis):
        """(size in an example, torch.export.Dim or None) of one dim of an input."""
        if proto.HasField("dim_value") and proto.dim_value > 0:
            return proto.dim_value, None
        word = proto.dim_param or f"{_plain(name)}_{axis}"
        said = self.given.get(word)
        self.used.add(word)
        if isinstance(said, int):
            return said, None
        low, high = said or (1, None)
        if word not in self.names:
            made = _plain(word)
            made = made[0].upper() + made[1:] if made[0].isalpha() else "D" + made
            self.names[word] = torch.export.Dim(made[:32], min=low, max=high)
        size = _EXAMPLES[list(self.names).index(word) % len(_EXAMPLES)]
        return min(max(size, low, 2), high or size), self.names[word]


def _example(proto, dims):
    """(a tensor to trace with, its dynamic dims)."""
    from onnx import helper

    kind = proto.type.tensor_type
    if proto.type.WhichOneof("value") != "tensor_type":
        raise ExportError(f"input {proto.name!r} is no tensor")
    if not kind.HasField("shape"):
        raise ExportError(f"input {proto.name!r} has no shape")
    both = [dims.at(dim, proto.name, axis) for axis, dim in enumerate(kind.shape.dim)]
    shape = [size for size, _ in both]
    dtype = _torch(np.zeros(0, helper.tensor_dtype_to_np_dtype(kind.elem_type))).dtype
    generator = torch.Generator().manual_seed(len(proto.name))
    if dtype.is_floating_point:
        made = torch.randn(shape, generator=generator).to(dtype)
    else:  # ids and masks: 0 and 1 are within every table
        made = torch.randint(0, 2, shape, generator=generator).to(dtype)
    return made, {axis: dim for axis, (_, dim) in enumerate(both) if dim is not None}


def entry(path, *, dims=None, example=None):
    """An entry point for strata.export from the file `path`.

    Args:
        dims: {the file's name of a dim: (smallest, largest) or a fixed size}; a dim without a name is called
            "<input>_<axis>". Without a word on it, a dim that the file leaves open is dynamic from 1 on.
        example: {input: tensor} to trace and compare with; otherwise random numbers, and zeros and ones for integers.

    Raises ExportError: for what is wrong with the file, and for operators without a lowering, with how many there are.
    """
    model, version = read(path)
    graph = model.graph
    named = dict.fromkeys(value.name for value in [*graph.input, *graph.output])
    plain = collections.Counter(map(_plain, named))
    if clash := [name for name, count in plain.items() if count > 1]:
        raise ExportError(f"two inputs or outputs would both be called {clash[0]}")
    base = OnnxModel(graph, version)
    base.__class__ = type("OnnxModel", (OnnxModel,), {"forward": _forward(base.inputs)})
    known = _Dims(dims or {})
    inputs = {_plain(i.name): _example(i, known) for i in graph.input if i.name in base.inputs}
    if unknown := set(dims or {}) - known.used:
        has = ", ".join(sorted(known.used)) or "none"
        raise ExportError(f"the model has no dim {sorted(unknown)[0]!r}; it has {has}")
    given = {name: made for name, (made, _) in inputs.items()} | {_plain(n): t for n, t in (example or {}).items()}
    return Entry(base.eval(), given, {name: dims for name, (_, dims) in inputs.items()})
