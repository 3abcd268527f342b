"""add_layer_norm in plain PyTorch: the definition that the tests compare the kernels with."""

import torch

# The gradient of the residual is that of x: the kernel gives one tensor for both.
same_gradient = {"residual": "x"}


def eager(x, residual, weight, bias, eps=1e-5):
    """`x`, `residual` [..., D], `weight`, `bias` [D] -> layer_norm(x + residual) and x + residual, [..., D]."""
    sum = x + residual
    centred = sum - sum.mean(-1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps) * weight + bias, sum


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8), make(3, 8), make(8), make(8)), {}
    yield (make(2, 3, 17), make(2, 3, 17), make(17), make(17)), {"eps": 1e-3}
    yield (make(5), make(5), make(5), make(5)), {}
    yield (make(0, 8), make(0, 8), make(8), make(8)), {}
    yield (make(40, 384), make(40, 384), make(384), make(384)), {}
