"""What one call costs: on tensors so small that the kernel takes no time. The peer is the matching built-in operator
without a gradient, as the goal has it; with a gradient, the built-in one with it."""

import torch
from torch.nn import functional as F

from strata import ops

from ..case import Case

UNIT = ""
_ROWS, _SIZE = 2, 8


def _functions(grad):
    x, w, b, m = (torch.randn(*s).requires_grad_(grad) for s in ((_ROWS, _SIZE), (_SIZE,), (_SIZE,), (_SIZE, _SIZE)))
    raw = torch.ops.strata
    return {
        "gelu": (lambda: ops.gelu(x), lambda: raw.gelu(x), lambda: F.gelu(x)),
        "add": (lambda: ops.add(x, x), lambda: raw.add(x, x), lambda: torch.add(x, x)),
        "softmax": (lambda: ops.softmax(x), lambda: raw.softmax(x), lambda: F.softmax(x, -1)),
        "rms_norm": (lambda: ops.rms_norm(x, w), lambda: raw.rms_norm(x, w), lambda: F.rms_norm(x, (_SIZE,), w, 1e-6)),
        "layer_norm": (
            lambda: ops.layer_norm(x, w, b),
            lambda: raw.layer_norm(x, w, b),
            lambda: F.layer_norm(x, (_SIZE,), w, b),
        ),
        "linear": (lambda: ops.linear(x, m, b), lambda: raw.linear(x, m, b), lambda: F.linear(x, m, b)),
    }


def _case(name, road, grad):
    front, raw, theirs = _functions(grad)[name]
    return Case(
        f"{road}{name}{', with gradient' if grad else ''}",
        front if road == "strata.ops." else raw,
        {"built-in": theirs},
        grad=grad,
    )


def cases(options):
    for grad in (False, True):
        for road in ("strata.ops.", "torch.ops.strata."):
            for name in _functions(False):
                yield (
                    f"{road}{name}{', with gradient' if grad else ''}",
                    lambda n=name, r=road, g=grad: _case(n, r, g),
                )
