"""linear in plain PyTorch: the definition that the tests compare the kernels with."""

import torch
from torch.nn import functional as F

_ACTIVATIONS = {
    "none": lambda y: y,
    "gelu": F.gelu,
    "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"),
    "relu": torch.relu,
    "silu": F.silu,
}


def eager(x, weight, bias=None, activation="none"):
    """`x` [..., K], `weight` [O, K], `bias` [O] -> [..., O]."""
    return _ACTIVATIONS[activation](F.linear(x, weight, bias))


def _through(activation, grad, before):
    """The gradient of `before` [..., O], the layer's output ahead of its activation, from that of its result."""
    if activation in ("gelu", "gelu_tanh"):
        return torch.ops.strata.gelu_backward(grad, before, int(activation == "gelu_tanh"))
    if activation == "relu":
        return torch.where(before > 0, grad, 0)
    if activation == "silu":
        gate = torch.sigmoid(before)
        return grad * gate * (1 + before * (1 - gate))
    return grad


def _name(activation):
    return activation if isinstance(activation, str) else tuple(_ACTIVATIONS)[activation]


def forward(run, x, weight, bias, activation):
    """Where a gradient is wanted: (y, the sum ahead of a gelu), so that the backward need not compute it once more."""
    name = _name(activation)
    if name in ("gelu", "gelu_tanh"):
        before = run(x, weight, bias, 0)
        return torch.ops.strata.gelu(before, int(name == "gelu_tanh")), before
    y = run(x, weight, bias, activation)
    return y, y if name == "relu" else None  # relu's output is positive where its input is


def backward(grads, inputs, attrs, before=None):
    """Gradients of x, weight and bias. The sum ahead of an activation is computed again where it was not kept."""
    (grad,), (x, weight, bias) = grads, inputs
    activation = _name(attrs["activation"])
    if activation != "none":
        grad = _through(activation, grad, torch.ops.strata.linear(x, weight, bias, 0) if before is None else before)
    grad_x, grad_weight, grad_bias = torch.ops.strata.linear_backward(grad, x, weight)
    return grad_x, grad_weight, None if bias is None else grad_bias


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8), make(5, 8), make(5)), {}
    yield (make(2, 3, 17), make(33, 17)), {}
    yield (make(7), make(4, 7), make(4)), {}
    yield (make(0, 8), make(5, 8), make(5)), {}
    yield (make(13, 300), make(40, 300), make(40)), {}
    for activation in ("gelu", "gelu_tanh", "relu", "silu"):
        yield (make(4, 9), make(6, 9), make(6)), {"activation": activation}
