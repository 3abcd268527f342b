"""pool in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x, operation=0, kernel_d=1, kernel_h=1, kernel_w=1, stride_d=1, stride_h=1, stride_w=1, padding_d=0,
          padding_h=0, padding_w=0, count_outside=True, divisor=0):
    """`x` [N, C, D, H, W] -> [N, C, I, J, K]."""
    if x.dtype == torch.bfloat16:  # PyTorch has no mean of it over three dims
        settings = (kernel_d, kernel_h, kernel_w, stride_d, stride_h, stride_w, padding_d, padding_h, padding_w)
        return eager(x.float(), operation, *settings, count_outside, divisor).bfloat16()
    kernel, stride = (kernel_d, kernel_h, kernel_w), (stride_d, stride_h, stride_w)
    padding = (padding_d, padding_h, padding_w)
    if operation in (0, "max"):
        return torch.nn.functional.max_pool3d(x, kernel, stride, padding)
    return torch.nn.functional.avg_pool3d(x, kernel, stride, padding, count_include_pad=count_outside,
                                          divisor_override=divisor or None)


def fake(x, operation, *attrs):
    """The output's shape, for tracing."""
    kernel, stride, padding = attrs[:3], attrs[3:6], attrs[6:9]
    sizes = [(x.shape[2 + d] + 2 * padding[d] - kernel[d]) // stride[d] + 1 for d in range(3)]
    return x.new_empty((*x.shape[:2], *sizes))


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(2, 3, 1, 6, 7),), {"kernel_h": 2, "kernel_w": 2, "stride_h": 2, "stride_w": 2}
    yield (make(1, 2, 1, 9, 20),), {"kernel_h": 3, "kernel_w": 3, "stride_w": 2, "padding_h": 1, "padding_w": 1}
    yield (make(2, 3, 1, 6, 9),), {"operation": 1, "kernel_h": 3, "kernel_w": 2, "padding_h": 1, "count_outside": False}
    yield (make(2, 2, 4, 5, 6),), {"operation": 1, "kernel_d": 2, "kernel_w": 3, "padding_w": 1, "stride_w": 3}
    yield (make(0, 2, 1, 5, 6),), {"kernel_w": 2}
