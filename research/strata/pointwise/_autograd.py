"""Gradients of `pointwise`: one program recomputes the forward's values and gives every gradient, which is then summed
along the dims that broadcasting added. Random truth values (what dropout drops) are kept, not drawn again."""

import torch
from torch.autograd.function import once_differentiable

from .. import ops, reductions
from ._plan import gradient, training

_op = torch.ops.strata.pointwise.default
_directly = ops._below_autograd(ops.schemas["pointwise"])


def _sum_to(grad, shape):
    if grad.shape == shape:
        return grad
    return grad.sum_to_size(shape) if grad.dtype == torch.float16 else reductions.sum_to(grad, shape)


def _gradients(run, plan, needed, inputs, grads, kept=()):
    """One gradient for each input, None where it is not needed; `run` is the operator."""
    sources = {"x": inputs, "g": grads, "k": kept}
    made = run([sources[kind][i] for kind, i in plan.sources], plan.text) if plan.text else []
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
    needed = tuple([t.requires_grad and t.is_floating_point() for t in inputs])
    plan = gradient(ctx.text, needed, tuple([g is not None for g in grads]))
    return _gradients(_op, plan, needed, inputs, grads), None


torch.library.register_autograd("strata::pointwise", _backward, setup_context=_setup)


def _differentiate(ctx, *grads):
    needed, (text, kept) = ctx.needs_input_grad[1:], ctx.program
    plan = gradient(text, needed, tuple([g is not None for g in grads]), kept)
    saved = ctx.saved_tensors
    return None, *_gradients(_directly, plan, needed, saved[: len(needed)], grads, saved[len(needed):])


_once = once_differentiable(_differentiate)


class Function(torch.autograd.Function):
    """The same for eager mode, at half the cost of a call."""

    @staticmethod
    def forward(ctx, text, *inputs):
        program, kept = training(text, ctx.needs_input_grad[1:])
        outputs = _directly(inputs, program)
        ctx.program = text, kept
        count = len(outputs) - len(kept)
        ctx.save_for_backward(*inputs, *outputs[count:])
        if count > 1:
            ctx.set_materialize_grads(False)
            ctx.mark_non_differentiable(*[o for o in outputs[:count] if not o.is_floating_point()])
        return tuple(outputs[:count])

    @staticmethod
    def backward(ctx, *grads):
        # Only create_graph=True has gradients enabled here, and then this gives the error of a second derivative.
        return _once(ctx, *grads) if torch.is_grad_enabled() else _differentiate(ctx, *grads)


# `Function.apply` without its Python part, which is there for torch.func's transforms.
_cheap_apply = super(torch.autograd.Function, Function).apply


def run(text, inputs):
    """A program on tensors, the cheapest way: a tuple or list of outputs."""
    if torch.compiler.is_compiling():
        return _op(list(inputs), text)
    if torch.is_grad_enabled():
        for tensor in inputs:
            if tensor.requires_grad:
                apply = Function.apply if torch._C._are_functorch_transforms_active() else _cheap_apply
                return apply(text, *inputs)
    return _directly(inputs if type(inputs) is tuple else list(inputs), text)
