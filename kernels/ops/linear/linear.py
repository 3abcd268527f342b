"""linear in plain PyTorch: the definition that the tests compare the kernels with."""

import torch
from torch.nn import functional as F

_ACTIVATIONS = {
    "none": lambda y: y,
    "gelu": F.gelu,
    "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"),
    "relu": torch.relu,
    "silu": F.silu,
}


def training(x, weight, bias=None, gate=None, residual=None, activation="none"):
    """`x` [..., K], `weight` [O, K], `bias` [O], `gate` and `residual` [..., O] -> linear's result, and what it was
    ahead of the activation: both [..., O]."""
    before = F.linear(x, weight, bias)
    y = _ACTIVATIONS[activation](before)
    y = y if gate is None else y * gate
    return y if residual is None else y + residual, before


def eager(*args, **attrs):
    """The first of `training`."""
    return training(*args, **attrs)[0]


# Of y = p + r, the gradient of r is that of y.
same_gradient = {"residual": "y"}


def keeps(x, weight, bias, gate, residual, activation):
    """Whether a gradient needs what `linear_training` keeps."""
    return activation != 0 or gate is not None


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8), make(5, 8), make(5)), {}
    yield (make(2, 3, 17), make(33, 17)), {}
    yield (make(7), make(4, 7), make(4)), {}
    yield (make(0, 8), make(5, 8), make(5)), {}
    yield (make(13, 300), make(40, 300), make(40)), {}
    for activation in ("gelu", "gelu_tanh", "relu", "silu"):
        yield (make(4, 9), make(6, 9), make(6)), {"activation": activation}
    yield (make(4, 9), make(6, 9), make(6), None, make(4, 6)), {}
    yield (make(2, 2, 9), make(6, 9), None, make(2, 2, 6)), {}
    yield (make(4, 9), make(6, 9), make(6), make(4, 6), make(4, 6)), {"activation": "silu"}
