"""l2_normalize in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x, eps=1e-12):
    """`x` [..., D] -> [..., D], each row of length 1."""
    return torch.nn.functional.normalize(x, dim=-1, eps=eps)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8),), {}
    yield (make(2, 3, 17),), {"eps": 1e-3}
    yield (make(5),), {}
    yield (make(0, 8),), {}
    yield (make(4, 384),), {}
