"""batch_norm in plain PyTorch: the definition that the tests compare the kernels with, and the gradient."""

import torch


def eager(x, mean, var, weight, bias, eps=1e-5):
    """`x` [N, C, S], the others [C] -> [N, C, S]."""
    mean, var, weight, bias = (t[:, None] for t in (mean, var, weight, bias))
    return (x - mean) * torch.rsqrt(var + eps) * weight + bias


def backward(grads, inputs, attrs):
    """Gradients of x, mean, var, weight and bias. Sums by our own kernels and products written out, so that a compiler
    that makes loops of its own gives the same bits."""
    from strata.reductions import sum as total

    (grad,), (x, mean, var, weight, _) = grads, inputs
    scale = torch.rsqrt(var + attrs["eps"])
    centred = x - mean[:, None]
    along = (0, 2)
    by_x, plain = total(grad * centred, along), total(grad, along)
    grad_x = grad * (weight * scale)[:, None]
    return grad_x, -plain * weight * scale, -0.5 * by_x * weight * (scale * scale * scale), by_x * scale, plain


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""

    def statistics(channels):
        return make(channels), make(channels).square() + 0.5

    yield (make(2, 6, 5), *statistics(6), make(6), make(6)), {}
    yield (make(3, 9, 1), *statistics(9), make(9), make(9)), {"eps": 1e-3}
    yield (make(0, 4, 3), *statistics(4), make(4), make(4)), {}
    yield (make(2, 32, 100), *statistics(32), make(32), make(32)), {}
