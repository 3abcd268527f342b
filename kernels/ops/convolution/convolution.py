"""convolution in plain PyTorch: the definition that the tests compare the kernels with."""

import torch

_ACTIVATIONS = (lambda v: v, torch.nn.functional.gelu, lambda v: torch.nn.functional.gelu(v, approximate="tanh"),
                torch.relu, torch.nn.functional.silu)  # fmt: skip


def eager(x, weight, bias=None, stride_d=1, stride_h=1, stride_w=1, padding_d=0, padding_h=0, padding_w=0, dilation_d=1,
          dilation_h=1, dilation_w=1, groups=1, activation=0):
    """`x` [N, C, D, H, W], `weight` [O, C / groups, R, S, T], `bias` [O] -> [N, O, I, J, K]."""
    y = torch.nn.functional.conv3d(x, weight, bias, (stride_d, stride_h, stride_w), (padding_d, padding_h, padding_w),
                                   (dilation_d, dilation_h, dilation_w), groups)
    return _ACTIVATIONS[activation](y)


def fake(x, weight, bias, *attrs):
    """The output's shape, for tracing."""
    strides, paddings, dilations = attrs[:3], attrs[3:6], attrs[6:9]
    sizes = [
        (x.shape[2 + d] + 2 * paddings[d] - dilations[d] * (weight.shape[2 + d] - 1) - 1) // strides[d] + 1
        for d in range(3)
    ]
    return x.new_empty((x.shape[0], weight.shape[0], *sizes))


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(2, 3, 1, 5, 6), make(4, 3, 1, 3, 3), make(4)), {"padding_h": 1, "padding_w": 1}
    yield (make(1, 4, 1, 9, 7), make(6, 2, 1, 2, 3)), {"groups": 2, "stride_h": 2, "stride_w": 3, "dilation_w": 2}
    yield (make(2, 6, 1, 8, 9), make(6, 1, 1, 3, 3), make(6)), {"groups": 6, "stride_w": 2, "padding_w": 1}
    yield (make(2, 5, 1, 4, 4), make(9, 5, 1, 1, 1)), {}
    yield (make(1, 2, 4, 5, 3), make(3, 2, 2, 3, 2), make(3)), {"stride_d": 2, "padding_h": 1}
    yield (make(0, 3, 1, 4, 4), make(2, 3, 1, 1, 1)), {}
