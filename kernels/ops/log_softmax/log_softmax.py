"""log_softmax in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x):
    """`x` [..., D] -> [..., D], each row the logarithms of a distribution."""
    return torch.log_softmax(x, dim=-1)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8),), {}
    yield (make(2, 3, 17),), {}
    yield (make(5),), {}
    yield (make(4, 1),), {}
    yield (make(0, 8),), {}
    yield (make(12, 384),), {}
