"""gather in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x, index):
    """`x` [..., R], `index` [..., K] in [0, R) -> [..., K]."""
    return torch.gather(x, -1, index.long())


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8), torch.tensor([[7, 0, 0], [1, 2, 3], [4, 4, 4]])), {}
    yield (make(2, 3, 17), torch.arange(24, dtype=torch.int32).view(2, 3, 4) * 5 % 17), {}
    yield (make(5), torch.tensor([4])), {}
    yield (make(3, 8), torch.zeros(3, 0, dtype=torch.int64)), {}
    yield (make(64, 384), torch.arange(64 * 100).view(64, 100) * 37 % 384), {}
