"""top_k in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x, k=1, smallest=False):
    """`x` [..., R] -> values [..., k] and indices [..., k]; of equal elements the first one comes first."""
    order = torch.sort(x, dim=-1, descending=not smallest, stable=True)
    return order.values[..., :k], order.indices[..., :k]


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8),), {"k": 3}
    yield (make(2, 3, 900),), {"k": 20}
    yield (make(2, 900),), {"k": 5, "smallest": True}
    yield (make(2, 17),), {"k": 17}
    yield (make(0, 5),), {"k": 2}
    yield ((3 * make(2, 400)).round(),), {"k": 40}  # many are equal
