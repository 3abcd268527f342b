"""reduce in plain PyTorch: the definition that the tests compare the kernels with."""

import torch

_OPERATIONS = {
    "sum": lambda x, n: x.sum(-1),
    "mean": lambda x, n: x.mean(-1),
    "max": lambda x, n: x.amax(-1),
    "min": lambda x, n: x.amin(-1),
    "sum_squares": lambda x, n: (x * x).sum(-1),
    "var": lambda x, n: x.var(-1, correction=n),
    "std": lambda x, n: x.std(-1, correction=n),
}


def eager(x, operation="sum", correction=1):
    """`x` [..., R] -> [...]."""
    return _OPERATIONS[operation](x, correction)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    for at, operation in enumerate(_OPERATIONS):
        yield (make(3, 8 + at),), {"operation": operation}
    yield (make(2, 3, 170),), {}
    yield (make(0, 8),), {"operation": "max"}
    yield (torch.tensor([[1, 5, 5, 0], [0, 0, -2, 3], [0, 7, -2, 3]]).to(make(1).dtype),), {"operation": "max"}
    yield (make(5, 33),), {"operation": "var", "correction": 0}
