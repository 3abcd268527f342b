"""One fake (meta) function for every operator: it evaluates the schema's dim expressions on symbolic sizes."""

import torch

from ._schema import evaluate, solve


def _check(condition, schema, arg, tensor, wanted):
    torch._check(
        condition, lambda: f"strata::{schema.name}: {arg.name} has shape {list(tensor.shape)}, wanted {wanted}"
    )


def _check_dtype(schema, arg, tensor, types):
    got = str(tensor.dtype).removeprefix("torch.")
    wanted = arg.dtypes if arg.type not in types else (types[arg.type],)
    if got not in wanted:
        raise RuntimeError(f"strata::{schema.name}: {arg.name} has dtype {got}, wanted {' or '.join(wanted)}")
    if arg.type:
        types[arg.type] = got


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

    def output(self, arg, like):
        shape = [*(self.leading if arg.leading else ()), *(evaluate(d, {**self.attrs, **self.dims}) for d in arg.dims)]
        dtype = self.types.get(arg.type, arg.dtypes[0])
        return torch.empty(shape, dtype=getattr(torch, dtype), device=like.device)


def make(schema):
    """The function for torch.library.register_fake."""
    count = len(schema.inputs)
    defaults = [a.default for a in schema.attrs]

    def fake(*args):
        # Torch leaves out trailing arguments that are at their defaults, absent optional tensors among them.
        args = [*args, *([None] * count + defaults)[len(args):]]
        binding = _Binding(schema, dict(zip((a.name for a in schema.attrs), args[count:])))
        for arg, tensor in zip(schema.inputs, args):
            if tensor is not None:
                _check_device(schema, arg, tensor, args[0])
                binding.bind(arg, tensor)
        outputs = tuple(binding.output(arg, args[0]) for arg in schema.outputs)
        return outputs if len(outputs) > 1 else outputs[0]

    return fake
