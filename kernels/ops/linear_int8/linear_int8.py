"""linear_int8 in plain PyTorch: the definition that the tests compare the kernels with."""

import torch
from torch.nn import functional as F

_ACTIVATIONS = {
    "none": lambda y: y,
    "gelu": F.gelu,
    "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"),
    "relu": torch.relu,
    "silu": F.silu,
}


def eager(x, weight, scale, bias=None, activation="none"):
    """`x` [..., K], `weight` [O, K] int8, `scale` [O], `bias` [O] -> [..., O]."""
    values = x.float()
    largest = values.abs().amax(-1, keepdim=True) if x.shape[-1] else values.new_zeros(*x.shape[:-1], 1)
    empty = largest < 2.0**-100
    quantised = torch.round(values * torch.where(empty, 0, 127 / largest))
    # Sums below 2^53 are exact in float64.
    sums = quantised.double() @ weight.double().T
    factor = torch.where(empty, 0, largest / 127).to(x.dtype) * scale.to(x.dtype)
    y = sums.to(x.dtype) * factor
    return _ACTIVATIONS[activation](y if bias is None else y + bias)


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
