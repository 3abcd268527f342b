"""gelu in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x, approximate="none"):
    """`x` of any shape -> the same shape."""
    return torch.nn.functional.gelu(x, approximate=approximate)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8),), {}
    yield (make(2, 3, 17),), {"approximate": "tanh"}
    yield (make(),), {}
    yield (make(0, 8),), {}
    yield (make(4, 1536),), {}
