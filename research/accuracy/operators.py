"""Errors of whole operators, forward and backward: ours and plain PyTorch's, both against PyTorch in float64 on the
same inputs. The unit is the last place of the element, or of the output's mean magnitude where that is larger: a sum
that cancels is as exact as its terms allow."""

import torch
from kernels.testing import op_cases

from strata import ops

from .functions import last_place


def _tables(length, half):
    angles = torch.outer(torch.arange(float(length)), 1e4 ** -(torch.arange(half) / half))
    return angles.cos(), angles.sin()


# Larger than the operators' own samples: rows as models have them.
LARGE = {
    "add_layer_norm": lambda make: ((make(64, 768), make(64, 768), make(768), make(768)), {}),
    "add_rms_norm": lambda make: ((make(64, 768), make(64, 768), make(768)), {}),
    "attention": lambda make: ((*(make(384, 4, 32) for _ in range(3)), *[torch.tensor([0, 128, 384])] * 2), {}),
    "batch_norm": lambda make: ((make(4, 64, 49), make(64), make(64).abs() + 0.1, make(64), make(64)), {}),
    "cross_entropy": lambda make: ((make(64, 4096), torch.arange(64) * 61), {}),
    "embedding": lambda make: ((make(8, 64), torch.arange(4096) % 7), {}),
    "gelu": lambda make: ((make(64, 4096),), {}),
    "group_norm": lambda make: ((make(16, 64, 49), make(64), make(64)), {"groups": 8}),
    "l2_normalize": lambda make: ((make(64, 4096),), {}),
    "layer_norm": lambda make: ((make(64, 4096), make(4096), make(4096)), {}),
    "linear": lambda make: ((make(64, 1536), make(384, 1536), make(384)), {}),
    "linear_cross_entropy": lambda make: ((make(64, 384), 0.1 * make(512, 384), torch.arange(64) * 7, make(512)), {}),
    "linear_half": lambda make: ((make(64, 1536), make(384, 1536).half(), make(384)), {}),
    "log_softmax": lambda make: ((make(64, 4096),), {}),
    "matmul": lambda make: ((make(4, 64, 512), make(4, 512, 96)), {}),
    "reduce": lambda make: ((make(64, 4096),), {}),
    "reduce_outer": lambda make: ((make(1, 4096, 64),), {}),
    "rms_norm": lambda make: ((make(64, 4096), make(4096)), {}),
    "rotary": lambda make: ((make(256, 4, 64), *_tables(256, 32), torch.arange(256)), {}),
    "segment_pool": lambda make: ((make(2048, 384), torch.tensor([0, 128, 1024, 2048])), {}),
    "softmax": lambda make: ((make(64, 4096),), {}),
}
SEEDS = (99, 100, 101)  # of each of these


# Operators on lists, which change their arguments or return one tensor.
LISTS = {
    "adamw": lambda make: ([*([make(37, 65), make(1000)] for _ in range(3)), [make(37, 65).abs(), make(1000).abs()]],
                           {"step": 7, "lr": 0.01}),
    "clip_grad_norm": lambda make: ([[make(37, 65), make(1000)]], {"max_norm": 1.5}),
    "concat": lambda make: ([[make(5, 7), make(5, 9)]], {"dim": 1}),
    "sgd": lambda make: ([[make(37, 65), make(1000)] for _ in range(3)], {"lr": 0.1, "momentum": 0.9}),
}


def names():
    """Forward operators whose result is computed and rounded."""
    plain = [name for name in op_cases.names() if "_backward" not in name and not name.endswith("_training")]
    return sorted(plain + list(LISTS))


def _maker(seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def _calls(name, dtype):
    for at in range(op_cases._count(name)):
        yield op_cases.call(name, at, dtype)
    for seed in SEEDS if name in LARGE else ():
        args, attrs = LARGE[name](_maker(seed, dtype))
        absent = (None,) * (len(ops.schemas[name].inputs) - len(args))
        yield op_cases.Call(name, (*args, *absent), attrs)


def _lists(name, dtype):
    """(ours, theirs, truth), each the tensors after a call."""
    found = []
    for function, wide in ((getattr(ops, name), dtype), *((op_cases.definition(name).eager, d)
                                                          for d in (dtype, torch.float64))):
        lists, attrs = LISTS[name](_maker(5, dtype))
        lists = [[t.to(wide) for t in tensors] for tensors in lists]
        result = function(*lists, **attrs)
        found.append([t for tensors in lists for t in tensors] + ([result] if result is not None else []))
    return found


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


def _differences(name, dtype):
    """Yields a part ("forward" or "backward"), our error and PyTorch's, for every tensor."""
    eager = op_cases.definition(name).eager
    if name in LISTS:
        for m, t, w in zip(*_lists(name, dtype)):
            yield "forward", _error(m, w, dtype), _error(t, w, dtype)
        return
    for call in _calls(name, dtype):
        incoming = {}
        mine = _outputs_and_gradients(getattr(ops, name), call.with_gradients(), incoming)
        theirs = _outputs_and_gradients(eager, call.with_gradients(), incoming)
        truth = _outputs_and_gradients(eager, call.to(torch.float64).with_gradients(), incoming)
        for part, *lists in zip(("forward", "backward"), mine, theirs, truth):
            for m, t, w in zip(*lists):
                if w.numel() and bool(w.isfinite().all()):
                    yield part, _error(m, w, dtype), _error(t, w, dtype)


def measure(name, dtype):
    """{"forward": ..., "backward": ...} with ((ours: largest, root of the mean square), (theirs: ...), numbers), where
    there are any."""
    found = {}
    for part, *errors in _differences(name, dtype):
        for list_, error in zip(found.setdefault(part, ([], [])), errors):
            list_.append(error.flatten())
    result = {}
    for part, lists in found.items():
        both = [torch.cat(errors) for errors in lists]
        result[part] = tuple((float(e.max()), float(e.square().mean().sqrt())) for e in both), both[0].numel()
    return result
