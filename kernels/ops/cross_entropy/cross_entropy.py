"""cross_entropy in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(logits, target):
    """`logits` [N, C], `target` [N] in [0, C) -> [N], one loss a row."""
    return torch.nn.functional.cross_entropy(logits, target.long(), reduction="none")


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8), torch.tensor([0, 7, 3])), {}
    yield (make(5, 17), torch.tensor([16, 0, 4, 4, 9], dtype=torch.int32)), {}
    yield (make(2, 1), torch.tensor([0, 0])), {}
    yield (make(0, 10), torch.zeros(0, dtype=torch.int64)), {}
    yield (make(64, 10), torch.arange(64) % 10), {}
