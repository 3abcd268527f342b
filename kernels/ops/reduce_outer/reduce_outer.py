"""reduce_outer in plain PyTorch: the definition that the tests compare the kernels with."""

import torch

_OPERATIONS = {
    "sum": lambda x, n: x.sum(1),
    "mean": lambda x, n: x.mean(1),
    "max": lambda x, n: x.amax(1),
    "min": lambda x, n: x.amin(1),
    "sum_squares": lambda x, n: (x * x).sum(1),
    "var": lambda x, n: x.var(1, correction=n),
    "std": lambda x, n: x.std(1, correction=n),
}


def eager(x, operation="sum", correction=1):
    """`x` [A, R, B] -> [A, B]."""
    return _OPERATIONS[operation](x, correction)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    for at, operation in enumerate(_OPERATIONS):
        yield (make(2, 5 + at, 7),), {"operation": operation}
    yield (make(1, 300, 70),), {}
    yield (make(0, 8, 3),), {"operation": "max"}
    ties = torch.tensor([[[1.0, 5, 0], [5, 0, -2], [1, 5, 0]]]).to(make(1).dtype)
    yield (ties,), {"operation": "max"}
    yield (make(1, 33, 5),), {"operation": "var", "correction": 0}
