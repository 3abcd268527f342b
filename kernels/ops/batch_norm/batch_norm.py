"""batch_norm in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x, mean, var, weight, bias, residual=None, eps=1e-5, activation="none"):
    """`x`, `residual` [N, C, S], the others [C] -> [N, C, S]."""
    mean, var, weight, bias = (t[:, None] for t in (mean, var, weight, bias))
    y = (x - mean) * torch.rsqrt(var + eps) * weight + bias
    y = y if residual is None else y + residual
    return torch.relu(y) if activation == "relu" else y


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""

    def statistics(channels):
        return make(channels), make(channels).square() + 0.5

    yield (make(2, 6, 5), *statistics(6), make(6), make(6)), {}
    yield (make(3, 9, 1), *statistics(9), make(9), make(9)), {"eps": 1e-3, "activation": "relu"}
    yield (make(2, 3, 4), *statistics(3), make(3), make(3), make(2, 3, 4)), {"activation": "relu"}
    yield (make(2, 3, 1), *statistics(3), make(3), make(3), make(2, 3, 1)), {}
    yield (make(0, 4, 3), *statistics(4), make(4), make(4)), {}
    yield (make(2, 32, 100), *statistics(32), make(32), make(32), make(2, 32, 100)), {}
