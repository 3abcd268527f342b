"""linear_int8 in plain PyTorch: the definition that the tests compare the kernels with, and the gradient."""

import torch
from torch.nn import functional as F

_ACTIVATIONS = {
    "none": lambda y: y,
    "gelu": F.gelu,
    "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"),
    "relu": torch.relu,
    "silu": F.silu,
}


# The gradient takes rounding x to int8 for what it stands for, x: the operator's own derivative is zero or none.
straight_through = True


def _widened(weight, scale, dtype):
    return weight.to(dtype) * scale.to(dtype)[:, None]


def eager(x, weight, scale, bias=None, activation="none"):
    """`x` [..., K], `weight` [O, K] int8, `scale` [O], `bias` [O] -> [..., O]."""
    values = x.detach().float()
    largest = values.abs().amax(-1, keepdim=True) if x.shape[-1] else values.new_zeros(*x.shape[:-1], 1)
    empty = largest < 2.0**-100
    quantised = torch.round(values * torch.where(empty, 0, 127 / largest))
    # Sums below 2^53 are exact in float64.
    sums = quantised.double() @ weight.double().T
    factor = torch.where(empty, 0, largest / 127).to(x.dtype) * scale.to(x.dtype)
    y = sums.to(x.dtype) * factor
    if x.requires_grad:
        straight = x @ _widened(weight, scale, x.dtype).T
        y = y + (straight - straight.detach())
    return _ACTIVATIONS[activation](y if bias is None else y + bias)


def backward(grads, inputs, attrs):
    """Gradients of x and bias, straight through x's rounding: those of `linear` with the weight widened, activations
    where linear_int8 has them. The weight is frozen."""
    (grad,), (x, weight, scale, bias) = grads, inputs
    activation, before = attrs["activation"], None
    if activation:
        before = torch.ops.strata.linear_int8(x, weight, scale, bias, 0)
    found = torch.ops.strata.linear_backward(
        grad, x, _widened(weight, scale, x.dtype), bias, None, before, activation, 1, 0, int(bias is not None), 0
    )
    return found[0], None, None, None if bias is None else found[2]


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""

    def weight(rows, columns):
        generator = torch.Generator().manual_seed(rows * 1000 + columns)
        values = torch.randint(-128, 128, (rows, columns), generator=generator, dtype=torch.int8)
        return values, torch.rand(rows, generator=generator) * 0.01

    yield (make(3, 8), *weight(5, 8), make(5)), {}
    yield (make(2, 3, 17), *weight(33, 17)), {}
    yield (make(7), *weight(4, 7), make(4)), {}
    yield (make(0, 8), *weight(5, 8), make(5)), {}
    yield (make(13, 300), *weight(40, 300), make(40)), {}
    for activation in ("gelu", "gelu_tanh", "relu", "silu"):
        yield (make(4, 9), *weight(6, 9), make(6)), {"activation": activation}
