"""add_group_norm in plain PyTorch: the definition that the tests compare the kernels with."""

import torch

# The gradient of the residual is that of x: the kernel gives one tensor for both.
same_gradient = {"residual": "x"}


def eager(x, residual, weight, bias, groups=1, eps=1e-5, activation="none"):
    """`x`, `residual` [N, C, S], `weight`, `bias` [C] -> group_norm(x + residual) and x + residual, [N, C, S]."""
    sum = x + residual
    grouped = sum.reshape(sum.shape[0], groups, -1) if sum.numel() else sum.reshape(sum.shape[0], groups, 0)
    centred = grouped - grouped.mean(-1, keepdim=True)
    normal = centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps)
    y = normal.reshape(sum.shape) * weight[:, None] + bias[:, None]
    return torch.nn.functional.silu(y) if activation == "silu" else y, sum


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(2, 6, 5), make(2, 6, 5), make(6), make(6)), {"groups": 3}
    yield (make(2, 4, 7), make(2, 4, 7), make(4), make(4)), {"groups": 2, "activation": "silu", "eps": 1e-3}
    yield (make(3, 8, 1), make(3, 8, 1), make(8), make(8)), {}
    yield (make(0, 4, 3), make(0, 4, 3), make(4), make(4)), {"groups": 4}
    yield (make(2, 32, 100), make(2, 32, 100), make(32), make(32)), {"groups": 8, "activation": "silu"}
