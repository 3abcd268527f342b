"""linear_int4 in plain PyTorch: the definition that the tests compare the kernels with, and the gradient."""

import torch
from torch.nn import functional as F

_ACTIVATIONS = {
    "none": lambda y: y,
    "gelu": F.gelu,
    "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"),
    "relu": torch.relu,
    "silu": F.silu,
}


# The gradient takes rounding x to int8 for what it stands for, x: the operator's own derivative is zero or none.
straight_through = True


def _differences(weight, scale, zero, dtype):
    """q - z: [O, groups, K / groups]."""
    groups, outputs = scale.shape
    q = torch.stack((weight & 15, weight >> 4), -1).reshape(outputs, groups, 2 * weight.shape[1] // max(groups, 1))
    return q.to(dtype) - (8 if zero is None else zero.T.unsqueeze(-1).to(dtype))


def _widened(weight, scale, zero, dtype):
    return (_differences(weight, scale, zero, dtype) * scale.T.unsqueeze(-1).to(dtype)).flatten(1)


def eager(x, weight, scale, zero=None, bias=None, blocks=1, activation="none"):
    """`x` [..., K], `weight` [O, K / 2] uint8, `scale`, `zero` [K / (32 blocks), O], `bias` [O] -> [..., O]."""
    groups = scale.shape[0]
    values = x.detach().float()
    values = values.unflatten(-1, (groups, -1)) if groups else values.reshape(*x.shape[:-1], 0, 32 * blocks)
    largest = values.abs().amax(-1, keepdim=True)
    empty = largest < 2.0**-100
    quantised = torch.round(values * torch.where(empty, 0, 127 / largest)).double()
    factors = torch.where(empty, 0, largest / 127).squeeze(-1).to(x.dtype)
    differences = _differences(weight, scale, zero, torch.float64)
    sums = torch.einsum("...gk,ogk->...go", quantised, differences).to(x.dtype)
    y = (sums * factors.unsqueeze(-1) * scale.to(x.dtype)).sum(-2)
    if x.requires_grad:
        straight = x @ _widened(weight, scale, zero, x.dtype).T
        y = y + (straight - straight.detach())
    return _ACTIVATIONS[activation](y if bias is None else y + bias)


def backward(grads, inputs, attrs):
    """Gradients of x and bias, straight through x's rounding: those of `linear` with the weight widened, activations
    where linear_int4 has them. The weight is frozen."""
    (grad,), (x, weight, scale, zero, bias) = grads, inputs
    activation, before = attrs["activation"], None
    if activation:
        before = torch.ops.strata.linear_int4(x, weight, scale, zero, bias, attrs["blocks"], 0)
    wide = _widened(weight, scale, zero, x.dtype)
    found = torch.ops.strata.linear_backward(
        grad, x, wide, bias, None, before, activation, 1, 0, int(bias is not None), 0
    )
    return found[0], None, None, None, None if bias is None else found[2]


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""

    def weight(rows, columns, blocks=1, half=False):
        generator = torch.Generator().manual_seed(rows * 1000 + columns)
        values = torch.randint(0, 256, (rows, columns // 2), generator=generator, dtype=torch.uint8)
        scale = torch.rand(columns // (32 * blocks), rows, generator=generator) * 0.1
        return values, scale.half() if half else scale

    zeros = torch.randint(0, 16, (4, 33), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    yield (make(3, 32), *weight(5, 32), None, make(5)), {}
    yield (make(2, 3, 128), *weight(33, 128), zeros), {}
    yield (make(64), *weight(4, 64, 2), None, make(4)), {"blocks": 2}
    yield (make(0, 32), *weight(5, 32), None, make(5)), {}
    yield (make(13, 320), *weight(40, 320, half=True), None, make(40)), {}
    for activation in ("gelu", "gelu_tanh", "relu", "silu"):
        yield (make(4, 32), *weight(6, 32), None, make(6)), {"activation": activation}
