"""argmax in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x, smallest=False):
    """`x` [..., R] -> [...], int64."""
    return x.argmin(-1) if smallest else x.argmax(-1)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8),), {}
    yield (make(2, 3, 170),), {"smallest": True}
    yield (make(0, 5),), {}
    yield (torch.tensor([[1, 5, 5, 0], [-0.0, 0, -2, -3], [0, float("inf"), 7, float("inf")]]).to(make(1).dtype),), {}
