"""What one call costs: on tensors so small that the kernel takes no time. The peer is the matching built-in operator
in the same mode: without gradients, as the goal has it; on tensors made in inference mode; recording a gradient; and
with the backward as well, by torch.autograd.grad."""

import torch
from torch.nn import functional as F

from strata import ops

from ..case import Case

UNIT = ""
_ROWS, _SIZE = 2, 8
_ROADS = ("strata.ops.", "torch.ops.strata.")
_MODES = ("", ", inference tensors", ", with gradient", ", forward and backward")


def _tensors(mode):
    with torch.inference_mode("inference" in mode):
        made = [torch.randn(*shape) for shape in ((_ROWS, _SIZE), (_SIZE,), (_SIZE,), (_SIZE, _SIZE))]
    return made if mode in _MODES[:2] else [t.requires_grad_() for t in made]


def _functions(x, w, b, m):
    """{name: (by strata.ops, by torch.ops.strata, built in, what is differentiated)}"""
    raw = torch.ops.strata
    return {
        "gelu": (lambda: ops.gelu(x), lambda: raw.gelu(x), lambda: F.gelu(x), (x,)),
        "add": (lambda: ops.add(x, x), lambda: raw.add(x, x), lambda: torch.add(x, x), (x,)),
        "softmax": (lambda: ops.softmax(x), lambda: raw.softmax(x), lambda: F.softmax(x, -1), (x,)),
        "rms_norm": (
            lambda: ops.rms_norm(x, w),
            lambda: raw.rms_norm(x, w),
            lambda: F.rms_norm(x, (_SIZE,), w, 1e-6),
            (x, w),
        ),
        "layer_norm": (
            lambda: ops.layer_norm(x, w, b),
            lambda: raw.layer_norm(x, w, b),
            lambda: F.layer_norm(x, (_SIZE,), w, b),
            (x, w, b),
        ),
        "linear": (
            lambda: ops.linear(x, m, b),
            lambda: raw.linear(x, m, b),
            lambda: F.linear(x, m, b),
            (x, m, b),
        ),
    }


def _with_backward(function, leaves):
    grad = torch.randn(_ROWS, _SIZE, generator=torch.Generator().manual_seed(1))
    return lambda: torch.autograd.grad(function(), leaves, grad)


def _case(name, road, mode):
    front, raw, theirs, leaves = _functions(*_tensors(mode))[name]
    sides = [front if road == _ROADS[0] else raw, theirs]
    if mode == _MODES[3]:
        sides = [_with_backward(side, leaves) for side in sides]
    return Case(road + name + mode, sides[0], {"built-in": sides[1]}, grad=mode in _MODES[2:])


def cases(options):
    for mode in _MODES:
        for road in _ROADS:
            for name in _functions(*[None] * 4):
                yield road + name + mode, lambda n=name, r=road, m=mode: _case(n, r, m)
