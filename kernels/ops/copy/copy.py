"""copy in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x):
    """`x` of any shape and strides -> the same values, contiguous."""
    return x.clone(memory_format=torch.contiguous_format)


saves = ()  # what backward reads of the inputs


def backward(grads, inputs, attrs):
    """The gradient passes through."""
    return (grads[0],)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8),), {}
    yield (make(2, 3, 17).transpose(0, 1),), {}
    yield (make(5, 12)[:, 3:8],), {}
    yield (make(40, 70).t(),), {}
    yield (make(),), {}
    yield (make(0, 8),), {}
    yield (make(12, 4, 96).permute(1, 0, 2),), {}
