"""add in plain PyTorch: the definition that the tests compare the kernels with."""


def eager(x, y):
    """`x` and `y` of one shape -> their sum."""
    return x + y


saves = ()  # what backward reads of the inputs


def backward(grads, inputs, attrs):
    """Both gradients are the incoming one."""
    return grads[0], grads[0]


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8), make(3, 8)), {}
    yield (make(2, 3, 17), make(2, 3, 17)), {}
    yield (make(), make()), {}
    yield (make(0, 8), make(0, 8)), {}
    yield (make(64, 384), make(64, 384)), {}
