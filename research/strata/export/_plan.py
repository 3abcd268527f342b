"""A plan while it is being made: values and steps, and how they become the JSON of docs/formats/bundle.md.

Lowerings say what is computed and never where it lies: `PlanBuilder.write` finds out which views are strided, and
copies where an operator or a reshape needs contiguous memory.
"""

import dataclasses

import torch

from .. import ops
from . import _layout
from ._errors import Unsupported


@dataclasses.dataclass(eq=False)
class Value:
    """Something that a step can use: a named run-time value, or a constant that becomes a weight."""

    name: str
    dtype: torch.dtype
    shape: list  # ints and expressions
    tensor: torch.Tensor | None = None  # a constant's data

    @property
    def constant(self):
        return self.tensor is not None

    @property
    def rank(self):
        return len(self.shape)

    def spec(self):
        return {"name": self.name, "dtype": str(self.dtype).removeprefix("torch."), "shape": self.shape}


@dataclasses.dataclass(eq=False)
class Step:
    """An operator (`view` is False) or another look at the same memory. `inputs` are values, None, or lists of values;
    `attrs` are as the plan has them: choices by their words."""

    name: str
    inputs: list
    attrs: dict
    outputs: list
    view: bool = False

    def values(self):
        """The values that the step reads."""
        for value in self.inputs:
            if isinstance(value, (list, tuple)):
                yield from value
            elif value is not None:
                yield value


class PlanBuilder:
    """Collects one entry point's steps."""

    def __init__(self, dims):
        self.dims = dims
        self.inputs, self.steps = [], []
        self.counted = {}  # size -> the value that counts up to it (lowerings/sources.py)
        self._count = 0

    def text(self, sizes):
        return [self.dims.text(size) for size in sizes]

    def value(self, like, name=None):
        """A new value shaped like a tensor; `like` may be (dtype, sizes)."""
        dtype, shape = (like.dtype, like.shape) if isinstance(like, torch.Tensor) else like
        if name is None:
            name, self._count = f"t{self._count}", self._count + 1
        return Value(name, dtype, [size if isinstance(size, str) else self.dims.text(size) for size in shape])

    def constant(self, tensor, name=None):
        """A constant; it becomes a weight once a step uses it."""
        if name is None:
            name, self._count = f"constant.{self._count}", self._count + 1
        return Value(name, tensor.dtype, list(tensor.shape), tensor.detach().contiguous())

    def op(self, name, inputs, attrs, outputs):
        """A step that runs an operator; what `attrs` leaves out has its default. Returns `outputs`."""
        if name not in ops.schemas:
            raise Unsupported(f"there is no operator {name} yet")
        schema = ops.schemas[name]
        words = {a.name: a.decode(a.encode(attrs.get(a.name, a.default))) for a in schema.attrs}
        self.steps.append(Step(name, list(inputs), words, list(outputs)))
        return outputs

    def view(self, kind, value, output, **attrs):
        self.steps.append(Step(kind, [value], attrs, [output], view=True))
        return output

    def reshape(self, value, shape):
        """`shape` may be symbolic sizes or texts."""
        made = self.value((value.dtype, shape))
        return value if made.shape == value.shape else self.view("reshape", value, made)

    def permute(self, value, order):
        if list(order) == list(range(value.rank)):
            return value
        made = self.value((value.dtype, [value.shape[d] for d in order]))
        return self.view("permute", value, made, dims=list(order))

    def broadcast(self, value, shape):
        made = self.value((value.dtype, shape))
        return value if made.shape == value.shape else self.view("broadcast", value, made)

    def slice(self, value, dim, start, size, step=1):
        """`size` elements of `dim` from `start` on, every `step`-th."""
        start, size, step = self.dims.text(start), self.dims.text(size), self.dims.text(step)
        if (start, step, size) == (0, 1, value.shape[dim]):
            return value
        made = self.value((value.dtype, [*value.shape[:dim], size, *value.shape[dim + 1 :]]))
        attrs = {"dim": dim, "start": start} | ({} if step == 1 else {"step": step})
        return self.view("slice", value, made, **attrs)

    def write(self, outputs, constants):
        """The entry point's JSON; its weights go to `constants`. outputs: [(name, Value)]."""
        return _Writer(self.dims, self.inputs, constants).write(live(self.steps, [v for _, v in outputs]), outputs)


def live(steps, outputs):
    """The steps that the outputs need, in their order."""
    wanted, kept = set(outputs), []
    for step in reversed(steps):
        if not wanted.isdisjoint(step.outputs):
            kept.append(step)
            wanted.update(step.values())
    return kept[::-1]


class Constants:
    """The weights of a bundle: one memory, or one content under one name, is stored once for all entry points."""

    def __init__(self):
        self.tensors = {}  # name -> tensor
        self._places = {}  # memory -> name

    def add(self, tensor, name):
        """The name that a constant is stored under."""
        place = (tensor.data_ptr(), tensor.dtype, tensor.shape) if tensor.numel() else None
        if place in self._places:
            return self._places[place]
        base, count = name, 1
        while name in self.tensors and not _same_bits(self.tensors[name], tensor):
            name, count = f"{base}.{count}", count + 1
        self.tensors.setdefault(name, tensor)  # held, so that no other tensor gets its place
        if place:
            self._places[place] = name
        return name


def _same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(_bytes(a), _bytes(b))


def _bytes(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8)


class _Writer:
    """Steps to JSON, with a copy where memory is not laid out as its reader wants it."""

    def __init__(self, dims, inputs, constants):
        self.dims, self.inputs, self.constants = dims, inputs, constants
        self.points = _layout.points(dims.ranges)
        self.looks = {}  # value -> its layout at each point
        self.copies = {}  # value -> its contiguous copy
        self.steps = []

    def write(self, steps, outputs):
        for step in steps:
            self._view(step) if step.view else self._op(step)
        named = [{"name": name, "value": self._reference(self._contiguous(value))} for name, value in outputs]
        entry = {
            "dims": self.dims.ranges,
            "inputs": [v.spec() for v in self.inputs],
            "steps": self.steps,
            "outputs": named,
        }
        return entry

    def _look(self, value):
        if value not in self.looks:
            self.looks[value] = _layout.plain(value, self.points)
        return self.looks[value]

    def _reference(self, value):
        if value is None:
            return None
        if isinstance(value, (list, tuple)):
            return [self._reference(v) for v in value]
        if value.constant:
            return "$" + self.constants.add(value.tensor, value.name)
        return value.name

    def _emit(self, kind, name, value, outputs, attrs):
        step = {kind: name, "inputs": self._reference(value), "outputs": [o.spec() for o in outputs]}
        if attrs or kind == "op":
            step["attrs"] = attrs
        self.steps.append(step)

    def _contiguous(self, value):
        if _layout.contiguous(self._look(value)):
            return value
        if value not in self.copies:
            copy = Value(value.name + ".copy", value.dtype, value.shape)
            self._emit("op", "copy", [value], [copy], {})
            self.copies[value] = copy
        return self.copies[value]

    def _view(self, step):
        (value,), (output,) = step.inputs, step.outputs
        look = _layout.view(step, self._look(value), self.points)
        if look is None:  # a reshape of what does not lie so
            value = self._contiguous(value)
            look = _layout.view(step, self._look(value), self.points)
        self.looks[output] = look
        self._emit("view", step.name, [value], step.outputs, step.attrs)

    def _op(self, step):
        schema = ops.schemas[step.name]
        ready = [self._ready(arg, value) for arg, value in zip(schema.inputs, step.inputs)]
        self._emit("op", step.name, ready, step.outputs, step.attrs)

    def _ready(self, arg, value):
        if isinstance(value, (list, tuple)):
            return [self._ready(arg, v) for v in value]
        if value is None or arg.any_strides or (arg.strided and _layout.rows_contiguous(self._look(value))):
            return value
        return self._contiguous(value)
