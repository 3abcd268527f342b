"""linear_half in plain PyTorch: the definition that the tests compare the kernels with, and the gradient."""

import torch
from torch.nn import functional as F

_ACTIVATIONS = {
    "none": lambda y: y,
    "gelu": F.gelu,
    "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"),
    "relu": torch.relu,
    "silu": F.silu,
}


def eager(x, weight, bias=None, activation="none"):
    """`x` [..., K], `weight` [O, K] in float16 or bfloat16, `bias` [O] -> [..., O]."""
    return _ACTIVATIONS[activation](F.linear(x, weight.to(x.dtype), bias))


def backward(grads, inputs, attrs):
    """Gradients of x and bias: those of `linear` with the weight widened. The weight is frozen."""
    (grad,), (x, weight, bias) = grads, inputs
    found = torch.ops.strata.linear_backward(
        grad, x, weight.to(x.dtype), bias, None, None, attrs["activation"], 1, 0, int(bias is not None), 0
    )
    return found[0], None, None if bias is None else found[2]


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8), make(5, 8).half(), make(5)), {}
    yield (make(2, 3, 17), make(33, 17).half()), {}
    yield (make(7), make(4, 7).bfloat16(), make(4)), {}
    yield (make(0, 8), make(5, 8).half(), make(5)), {}
    yield (make(13, 300), make(40, 300).bfloat16(), make(40)), {}
    for activation in ("gelu", "gelu_tanh", "relu", "silu"):
        yield (make(4, 9), make(6, 9).half(), make(6)), {"activation": activation}
