"""One fake (meta) function for every operator: it evaluates the schema's dim expressions on symbolic sizes."""

import dataclasses

import torch

from ._schema import evaluate, names, solve


def _check(condition, schema, arg, tensor, wanted):
    torch._check(
        condition, lambda: f"strata::{schema.name}: {arg.name} has shape {list(tensor.shape)}, wanted {wanted}"
    )


def _check_dtype(schema, arg, tensor, types):
    got = str(tensor.dtype).removeprefix("torch.")
    wanted = arg.dtypes if arg.type not in types or got not in arg.dtypes else (types[arg.type],)
    if got not in wanted:
        raise RuntimeError(f"strata::{schema.name}: {arg.name} has dtype {got}, wanted {' or '.join(wanted)}")
    if arg.type:
        types[arg.type] = got
    if arg.type == "T":  # statistics of rows: kStatistics of kernels/core/op_schema.h
        types.setdefault("S", "float64" if got == "float64" else "float32")


def _check_device(schema, arg, tensor, first):
    if tensor.device != first.device:
        raise RuntimeError(
            f"strata::{schema.name}: {arg.name} is on {tensor.device}, wanted {first.device} like the others"
        )


class _Binding:
    """What the inputs of one call have bound: dims by name, the leading dims, dtypes by letter."""

    def __init__(self, schema, attrs):
        self.schema, self.dims, self.leading, self.types = schema, {}, None, {}
        self.attrs = attrs

    def bind(self, arg, tensor):
        schema = self.schema
        wanted = "[" + ", ".join((("*",) if arg.leading else ()) + arg.dims) + "]"
        _check_dtype(schema, arg, tensor, self.types)
        lead = tensor.dim() - len(arg.dims)
        _check(lead >= 0 if arg.leading else lead == 0, schema, arg, tensor, wanted)
        if arg.leading:
            if self.leading is None:
                self.leading = tensor.shape[:lead]
            _check(len(self.leading) == lead, schema, arg, tensor, wanted)
            for mine, first in zip(tensor.shape[:lead], self.leading):
                _check(mine == first, schema, arg, tensor, wanted)
        for size, dim in zip(tensor.shape[lead:], arg.dims):
            if not solve(dim, size, self.dims):
                known = evaluate(dim, {**self.attrs, **self.dims})
                _check(size == known, schema, arg, tensor, wanted)

    def bind_list(self, arg, tensors, first):
        """Lists of one operator pair up with its first."""
        if len(tensors) != len(first) and not (arg.optional and not tensors) or not first:
            wanted = len(first) if first else "at least one"
            raise RuntimeError(
                f"strata::{self.schema.name}: {arg.name} has {len(tensors)} tensors, wanted {wanted}"
            )
        for at, (tensor, like) in enumerate(zip(tensors, first)):
            element = dataclasses.replace(arg, name=f"{arg.name}[{at}]", leading=False, dims=())
            wanted = f"{list(like.shape)} as in the first list"
            _check_dtype(self.schema, dataclasses.replace(arg, name=element.name), tensor, self.types)
            _check(tensor.dim() == like.dim(), self.schema, element, tensor, wanted)
            for mine, other in zip(tensor.shape, like.shape):
                _check(mine == other, self.schema, element, tensor, wanted)

    def check_rules(self):
        for rule in self.schema.rules:
            values = {**self.attrs, **self.dims}
            if names(rule) <= values.keys():  # else one of an absent argument
                self.check_rule(rule, values)

    def check_rule(self, rule, values):
        torch._check(evaluate(rule, values), lambda: f"strata::{self.schema.name}: wanted {rule} with {values}")

    def output(self, arg, like):
        # A dim that only an absent argument names is 0.
        values = {name: 0 for dim in arg.dims for name in names(dim)} | self.attrs | self.dims
        shape = [*(self.leading if arg.leading else ()), *(evaluate(d, values) for d in arg.dims)]
        dtype = self.types.get(arg.type, arg.dtypes[0])
        return torch.empty(shape, dtype=getattr(torch, dtype), device=like.device)


def _tensors(args):
    for arg in args:
        yield from arg if isinstance(arg, (list, tuple)) else [arg]


def make(schema, custom=None):
    """The function for torch.library.register_fake. `custom` gives the outputs that the schema cannot say (an output
    list, an operator with rules of its own): it gets the operator's arguments."""
    count = len(schema.inputs)
    defaults = [a.default for a in schema.attrs]

    def fake(*args):
        # Torch leaves out trailing arguments that are at their defaults, absent optional tensors among them.
        args = [*args, *([None] * count + defaults)[len(args):]]
        lists = [arg for arg in args[:count] if isinstance(arg, (list, tuple))]
        first = next((t for t in _tensors(args[:count]) if t is not None), None)
        binding = _Binding(schema, dict(zip((a.name for a in schema.attrs), args[count:])))
        for arg, tensor in zip(schema.inputs, args):
            for each in _tensors([tensor]):
                if each is not None:
                    _check_device(schema, arg, each, first)
            if arg.list:
                binding.bind_list(arg, tensor, lists[0])
            elif tensor is not None:
                binding.bind(arg, tensor)
        binding.check_rules()
        if custom is not None:
            return custom(*args)
        outputs = tuple(binding.output(arg, first) for arg in schema.outputs)
        return outputs if len(outputs) > 1 else outputs[0] if outputs else None

    return fake
