"""A plan while it is being made: values, weights, steps (docs/formats/bundle.md)."""

import dataclasses

import torch


@dataclasses.dataclass
class Value:
    """Something that a step can use: a named run-time value, or a constant that becomes a weight."""

    name: str
    dtype: str
    shape: list  # ints and expressions
    tensor: torch.Tensor | None = None  # a constant's data
    contiguous: bool = True
    rows_contiguous: bool = True  # the elements of the last dim are neighbours

    @property
    def constant(self):
        return self.tensor is not None

    def spec(self):
        return {"name": self.name, "dtype": self.dtype, "shape": self.shape}


def names(step):
    """The values that a step of a plan reads."""
    for name in step["inputs"]:
        if isinstance(name, list):
            yield from name
        elif name is not None:
            yield name


class PlanBuilder:
    """Collects one entry point's steps; `finish` drops what no output needs."""

    def __init__(self, dims):
        self.dims = dims
        self.inputs, self.steps, self.constants = [], [], {}
        self._count = 0

    def shape(self, tensor):
        return [self.dims.text(size) for size in tensor.shape]

    def value(self, like, name=None, **flags):
        """A new value shaped like a fake tensor."""
        if name is None:
            name, self._count = f"t{self._count}", self._count + 1
        return Value(name, str(like.dtype).removeprefix("torch."), self.shape(like), **flags)

    def constant(self, tensor, name):
        """A constant; it becomes a weight once a step uses it."""
        return Value(name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape), tensor.detach().contiguous())

    def reference(self, value):
        if value is None:
            return None
        if isinstance(value, (list, tuple)):
            return [self.reference(v) for v in value]
        if value.constant:
            self.constants[value.name] = value.tensor
            return "$" + value.name
        return value.name

    def op(self, schema, inputs, attrs, outputs):
        """A step that runs an operator; strided inputs are copied where its schema does not take them."""
        ready = [self._ready(arg, value) for arg, value in zip(schema.inputs, inputs)]
        words = {a.name: a.decode(attrs.get(a.name, a.default)) for a in schema.attrs}
        self.steps.append({
            "op": schema.name,
            "inputs": [self.reference(v) for v in ready],
            "attrs": words,
            "outputs": [o.spec() for o in outputs],
        })
        return outputs

    def _ready(self, arg, value):
        if isinstance(value, (list, tuple)):
            return [self._ready(arg, v) for v in value]
        fits = (value is None or value.contiguous or arg.any_strides or
                (arg.strided and value.rows_contiguous))
        return value if fits else self.copy(value)

    def view(self, kind, value, output, attrs=None):
        if kind == "reshape" and not value.contiguous:
            value = self.copy(value)
        step = {"view": kind, "inputs": [self.reference(value)], "outputs": [output.spec()]}
        if attrs:
            step["attrs"] = attrs
        self.steps.append(step)
        return output

    def copy(self, value):
        made = Value(f"t{self._count}", value.dtype, value.shape)
        self._count += 1
        self.steps.append({"op": "copy", "inputs": [self.reference(value)], "attrs": {}, "outputs": [made.spec()]})
        return made

    def finish(self, outputs):
        """The entry point's JSON and its weights. outputs: [(name, Value)]."""
        live = {self.reference(v) for _, v in outputs}
        kept = []
        for step in reversed(self.steps):
            if any(o["name"] in live for o in step["outputs"]):
                kept.append(step)
                live |= set(names(step))
        entry = {
            "dims": self.dims.ranges,
            "inputs": [v.spec() for v in self.inputs],
            "steps": kept[::-1],
            "outputs": [{"name": name, "value": self.reference(v)} for name, v in outputs],
        }
        return entry, {name: t for name, t in self.constants.items() if "$" + name in live}
