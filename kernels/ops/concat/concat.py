"""concat in plain PyTorch: the definition that the tests compare the kernel with."""

import torch


def eager(xs, dim=0):
    """Tensors of one shape but for `dim` -> one tensor."""
    return torch.cat(list(xs), dim)


def fake(xs, dim):
    """The output's shape, for torch.compile and torch.export."""
    return torch.cat(list(xs), dim)


def backward(grads, inputs, attrs):
    """The gradient, cut up again."""
    (xs,), dim = inputs, attrs["dim"]
    return (list(grads[0].split([x.shape[dim] for x in xs], dim)),)
