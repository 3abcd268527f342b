"""Gradients of `pointwise`: one program recomputes the forward's values and gives every gradient, which is then summed
along the dims that broadcasting added."""

import torch
from torch.autograd.function import once_differentiable

from .. import reductions
from ._gradient import gradient

_op = torch.ops.strata.pointwise.default


def _sum_to(grad, shape):
    if grad.shape == shape:
        return grad
    return grad.sum_to_size(shape) if grad.dtype == torch.float16 else reductions.sum_to(grad, shape)


def _gradients(text, needed, inputs, grads):
    """One gradient for each input, None where it is not needed."""
    plan = gradient(text, needed, tuple(g is not None for g in grads))
    sources = {"x": inputs, "g": grads}
    made = _op([sources[kind][i] for kind, i in plan.sources], plan.text) if plan.text else []
    found = []
    for result, tensor, need in zip(plan.results, inputs, needed):
        if not need:
            found.append(None)
        elif result is None:
            found.append(torch.zeros_like(tensor))
        else:
            kind, i = result
            found.append(_sum_to((made if kind is None else grads)[i], tensor.shape))
    return found


def _setup(ctx, inputs, output):
    tensors, ctx.text = inputs
    ctx.save_for_backward(*tensors)
    ctx.set_materialize_grads(False)


def _backward(ctx, grads):
    # register_autograd gives one list for the one list of outputs.
    inputs = ctx.saved_tensors
    needed = tuple(t.requires_grad and t.is_floating_point() for t in inputs)
    return _gradients(ctx.text, needed, inputs, grads), None


torch.library.register_autograd("strata::pointwise", _backward, setup_context=_setup)


class Function(torch.autograd.Function):
    """The same for eager mode, at half the cost of a call."""

    @staticmethod
    def forward(ctx, text, *inputs):
        ctx.text = text
        ctx.save_for_backward(*inputs)
        ctx.set_materialize_grads(False)
        outputs = tuple(_op(list(inputs), text))
        ctx.mark_non_differentiable(*(o for o in outputs if not o.is_floating_point()))
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads):
        return None, *_gradients(ctx.text, ctx.needs_input_grad[1:], ctx.saved_tensors, grads)


def run(text, inputs):
    """A program on tensors, the cheapest way: a tuple or list of outputs."""
    if torch.compiler.is_compiling():
        return _op(list(inputs), text)
    if torch.is_grad_enabled() and any(t.requires_grad for t in inputs):
        return Function.apply(text, *inputs)
    with torch._C._AutoDispatchBelowAutograd():
        return _op(list(inputs), text)
