"""embedding in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(weight, ids):
    """`weight` [V, D], `ids` [...] in [0, V) -> [..., D]."""
    return torch.nn.functional.embedding(ids, weight)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(5, 8), torch.tensor([4, 0, 0, 2])), {}
    yield (make(7, 17), torch.tensor([[6, 1, 1], [0, 3, 6]], dtype=torch.int32)), {}
    yield (make(3, 4), torch.tensor(2)), {}
    yield (make(3, 8), torch.zeros(0, dtype=torch.int64)), {}
    yield (make(100, 384), torch.arange(64) * 37 % 100), {}
