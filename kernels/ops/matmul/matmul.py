"""matmul in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(a, b):
    """`a` [..., M, K], `b` [..., K, N] -> [..., M, N]; the leading dims are the same."""
    return torch.matmul(a, b)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8), make(8, 5)), {}
    yield (make(5, 2, 17), make(5, 17, 3)), {}
    yield (make(2, 3, 1, 9), make(2, 3, 9, 4)), {}
    yield (make(0, 4, 8), make(0, 8, 5)), {}
    yield (make(2, 13, 300), make(2, 300, 40)), {}
    yield (make(4, 20, 9), make(9, 5).expand(4, 9, 5)), {}  # more than gradcheck takes: it has no use for strides of 0
    yield (make(3, 4, 7).transpose(1, 2), make(3, 6, 4).transpose(1, 2)), {}
