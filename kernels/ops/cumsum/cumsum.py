"""cumsum in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x, reverse=False):
    """`x` [..., R] -> the running sums along the last dim, from its end with `reverse`."""
    return x.flip(-1).cumsum(-1).flip(-1) if reverse else torch.cumsum(x, -1)


saves = ()  # what backward reads of the inputs


def backward(grads, inputs, attrs):
    """x[r] is in every sum from r on: the sums run the other way."""
    return (torch.ops.strata.cumsum(grads[0].contiguous(), not attrs["reverse"]),)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8),), {}
    yield (make(2, 3, 17),), {"reverse": True}
    yield (make(9),), {}
    yield (make(0, 8),), {}
    yield (make(6, 0),), {}
    yield (make(64, 384),), {}
