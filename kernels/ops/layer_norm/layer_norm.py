"""layer_norm in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x, weight, bias, eps=1e-5):
    """`x` [..., D], `weight` [D], `bias` [D] -> [..., D]."""
    centred = x - x.mean(-1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps) * weight + bias


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8), make(8), make(8)), {}
    yield (make(2, 3, 17), make(17), make(17)), {"eps": 1e-3}
    yield (make(5), make(5), make(5)), {}
    yield (make(0, 8), make(8), make(8)), {}
    yield (make(4, 384), make(384), make(384)), {}
