"""Errors of whole operators, forward and backward: ours and plain PyTorch's, both against PyTorch in float64 on the
same inputs. The unit is the last place of the element, or of the output's mean magnitude where that is larger: a sum
that cancels is as exact as its terms allow."""

import torch
from kernels.testing import op_cases

from strata import ops

from .functions import last_place

# Larger than the operators' own samples: rows as models have them.
LARGE = {
    "gelu": lambda make: ((make(64, 4096),), {}),
    "layer_norm": lambda make: ((make(64, 4096), make(4096), make(4096)), {}),
    "linear": lambda make: ((make(64, 1536), make(384, 1536), make(384)), {}),
    "l2_normalize": lambda make: ((make(64, 4096),), {}),
    "rms_norm": lambda make: ((make(64, 4096), make(4096)), {}),
    "softmax": lambda make: ((make(64, 4096),), {}),
    "cross_entropy": lambda make: ((make(64, 4096), torch.arange(64) * 61), {}),
    "embedding": lambda make: ((make(8, 64), torch.arange(4096) % 7), {}),
}


def names():
    """Forward operators whose calls can be drawn."""
    return [name for name in op_cases.names() if not name.endswith("_backward")]


def _calls(name, dtype):
    for at in range(op_cases._count(name)):
        yield op_cases.call(name, at, dtype)
    if name in LARGE:
        generator = torch.Generator().manual_seed(99)
        make = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)  # noqa: E731
        args, attrs = LARGE[name](make)
        absent = (None,) * (len(ops.schemas[name].inputs) - len(args))
        yield op_cases.Call(name, (*args, *absent), attrs)


def _outputs_and_gradients(function, call, incoming):
    """Float tensors: the outputs, then the gradients of the leaves, as far as there are any."""
    leaves = [a for a in call.args if a is not None and a.requires_grad]
    outputs = [o for o in op_cases.as_tuple(function(*call.args, **call.attrs)) if o.is_floating_point()]
    made = [o.detach() for o in outputs]
    if not leaves or not op_cases.differentiable(call.name):
        return made, []
    if not incoming:
        # Of ours, which come first: of its outputs, statistics that are kept for the gradient have none.
        generator = torch.Generator().manual_seed(7)
        incoming |= {
            at: torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.dtype)
            for at, o in enumerate(outputs) if o.requires_grad
        }
    if not incoming:
        return made, []
    grads = torch.autograd.grad([outputs[at] for at in incoming], leaves,
                                [grad.to(outputs[at].dtype) for at, grad in incoming.items()],
                                allow_unused=True, materialize_grads=True)
    return made, list(grads)


def _error(got, truth, dtype):
    truth = truth.double()
    scale = truth.abs().clamp_min(float(truth.abs().mean()) if truth.numel() else 0.0)
    return (got.to(dtype).double() - truth).abs() / torch.as_tensor(last_place(scale.numpy(), dtype))


def measure(name, dtype):
    """{"forward": ..., "backward": ...} with ((ours: largest, mean), (theirs: ...), numbers), where there are any."""
    eager = op_cases.definition(name).eager
    found = {"forward": ([], []), "backward": ([], [])}
    for call in _calls(name, dtype):
        incoming = {}
        mine = _outputs_and_gradients(getattr(ops, name), call.with_gradients(), incoming)
        theirs = _outputs_and_gradients(eager, call.with_gradients(), incoming)
        truth = _outputs_and_gradients(eager, call.to(torch.float64).with_gradients(), incoming)
        for part, *lists in zip(found, mine, theirs, truth):
            for m, t, w in zip(*lists):
                if w.numel() and bool(w.isfinite().all()):
                    found[part][0].append(_error(m, w, dtype).flatten())
                    found[part][1].append(_error(t, w, dtype).flatten())
    result = {}
    for part, lists in found.items():
        if lists[0]:
            both = [torch.cat(errors) for errors in lists]
            result[part] = tuple((float(e.max()), float(e.mean())) for e in both), both[0].numel()
    return result
