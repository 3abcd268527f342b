"""Autograd for every operator `f` that has an `f_backward` in the table, from the names of its arguments alone.

`f_backward` takes `grad_<output>` and any of f's inputs and outputs by name, then f's attributes, and gives
`grad_<input>`. An operator whose gradient needs no kernel says so in its Python file, kernels/ops/<op>/<op>.py:
`def backward(grads, inputs, attrs)` returns one gradient (or None) for every tensor input. `same_gradient = {"b": "a"}`
there says that the gradient of the input b is that of a, which the backward gives, or that of an output a.

What a backward takes may cost the forward less than it costs the backward. Then an operator `f_training` gives f's
outputs and, after them, such tensors, which are optional inputs of `f_backward` by these names; eager mode runs it in
f's place where `keeps(*arguments)` of the Python file says so. An attribute `need_<input>` of a backward is 1 where
that gradient is asked for, else 0.
"""

import types

import torch
from torch.autograd.function import once_differentiable


def _grads(grads, outputs):
    # An output that nobody used has no gradient.
    return [torch.zeros_like(o) if g is None else g for g, o in zip(grads, outputs)]


class _Rule:
    """How one operator saves what its gradient needs, and computes it."""

    def __init__(self, schema, schemas, custom, same):
        backward_schema = schemas.get(schema.name + "_backward")
        self.schema, self.backward_schema, self.custom, self.same = schema, backward_schema, custom, same
        self.training = schemas.get(schema.name + "_training")
        self.inputs = [a.name for a in schema.inputs]
        self.attrs = [a.name for a in schema.attrs]
        self.outputs = [a.name for a in schema.outputs]
        if custom is None:
            taken = [a.name for a in backward_schema.inputs]
            self.needs = [name for name in taken if not name.startswith("grad_")]
            # An output whose gradient the backward does not take (statistics kept for it, say) has none.
            self.constant = [i for i, name in enumerate(self.outputs) if "grad_" + name not in taken]
            self.op = getattr(torch.ops.strata, backward_schema.name).default
        else:
            self.needs, self.constant = self.inputs, []

    def setup(self, ctx, inputs, output):
        outputs = output if isinstance(output, tuple) else (output,)
        values = dict.fromkeys(self.needs) | dict(zip(self.inputs, inputs)) | dict(zip(self.outputs, outputs))
        if len(outputs) > len(self.outputs):
            kept = self.training.outputs[len(self.outputs):]
            values |= zip((o.name for o in kept), outputs[len(self.outputs):])
            outputs = outputs[:len(self.outputs)]
        ctx.save_for_backward(*(values[name] for name in self.needs))
        if self.constant:
            ctx.mark_non_differentiable(*(outputs[i] for i in self.constant))
        ctx.attrs = dict(zip(self.attrs, inputs[len(self.inputs):]))
        ctx.outputs = [o.detach() for o in outputs] if len(outputs) > 1 else None

    def gradients(self, ctx, grads):
        if ctx.outputs is not None:
            grads = _grads(grads, ctx.outputs)
        saved = dict(zip(self.needs, ctx.saved_tensors))
        if self.custom is not None:
            found = self.custom(tuple(grads), tuple(saved[name] for name in self.inputs), ctx.attrs)
            return (*found, *(None for _ in self.attrs))
        named = {"grad_" + name: grad for name, grad in zip(self.outputs, grads)}
        saved |= named
        args = [saved[a.name] for a in self.backward_schema.inputs]
        # Torch leaves out trailing arguments at their defaults.
        needed = dict.fromkeys(self.inputs, False) | dict(zip(self.inputs, ctx.needs_input_grad))
        attrs = ctx.attrs | {"need_" + name: int(is_needed) for name, is_needed in needed.items()}
        got = self.op(*args, *(attrs[a.name] for a in self.backward_schema.attrs))
        named |= zip((a.name for a in self.backward_schema.outputs), got if isinstance(got, tuple) else (got,))
        return tuple(
            named.get("grad_" + self.same.get(name, name)) if needed else None
            for name, needed in zip(self.inputs + self.attrs, ctx.needs_input_grad)
        )


class _ListRule:
    """The same for an operator that takes lists and has its gradient in Python, which returns a list for a list."""

    def __init__(self, schema, custom):
        self.schema, self.custom = schema, custom

    def setup(self, ctx, inputs, output):
        count = len(self.schema.inputs)
        ctx.lengths = [len(value) if arg.list else None for arg, value in zip(self.schema.inputs, inputs)]
        lists = (value if arg.list else [value] for arg, value in zip(self.schema.inputs, inputs))
        ctx.save_for_backward(*(tensor for some in lists for tensor in some))
        ctx.attrs = dict(zip((a.name for a in self.schema.attrs), inputs[count:]))
        # Torch counts no trailing attributes at their defaults, and wants as many gradients as it counts arguments.
        ctx.given = max((at + 1 for at, a in enumerate(self.schema.attrs) if ctx.attrs[a.name] != a.default), default=0)

    def gradients(self, ctx, grads):
        saved = iter(ctx.saved_tensors)
        inputs = [next(saved) if n is None else [next(saved) for _ in range(n)] for n in ctx.lengths]
        return (*self.custom(tuple(grads), tuple(inputs), ctx.attrs), *[None] * ctx.given)


def make(schema, schemas, custom, same):
    """The rule of an operator, or None where it has no gradient."""
    if not schema.plain:  # save_for_backward takes single tensors
        lists_alone = not schema.mutates and all(a.kind != "text" for a in schema.attrs)
        return _ListRule(schema, custom) if custom is not None and lists_alone else None
    backward = schemas.get(schema.name + "_backward")
    if backward is None and custom is None:
        return None
    return _Rule(schema, schemas, custom, same)


def register(rule):
    """For torch.compile, export and whoever calls torch.ops.strata directly."""
    torch.library.register_autograd(
        f"strata::{rule.schema.name}", lambda ctx, *grads: rule.gradients(ctx, grads), setup_context=rule.setup
    )


def function(rule, run, keeps=None):
    """The same as an autograd.Function, which costs half as much a call in eager mode. `run` is the forward; where
    `keeps(*arguments)`, what trains it runs."""
    training = getattr(torch.ops.strata, rule.training.name).default if keeps is not None else None
    if isinstance(rule, _ListRule):
        # An autograd.Function does not look into lists; what is registered does.
        return types.SimpleNamespace(apply=getattr(torch.ops.strata, rule.schema.name).default)

    class Function(torch.autograd.Function):
        # One method, not forward and setup_context apart: those take three times as long a call.
        @staticmethod
        def forward(ctx, *args):
            keep = training is not None and keeps(*args)
            with torch._C._AutoDispatchBelowAutograd():
                output = training(*args) if keep else run(*args)
            rule.setup(ctx, args, output)
            return output[0] if keep else output

        @staticmethod
        @once_differentiable
        def backward(ctx, *grads):
            return rule.gradients(ctx, grads)

    Function.__name__ = Function.__qualname__ = rule.schema.name
    return Function
