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


def _convolve(x, weight, stride, padding, dilation, groups):
    op = torch.ops.strata.convolution
    return op(x.contiguous(), weight.contiguous(), None, *stride, *padding, *dilation, groups)


def _spread(grad, stride, behind):
    """`grad` with stride - 1 zeros between its elements and `behind` zeros after them."""
    if all(n == 1 for n in stride) and not any(behind):
        return grad
    sizes = [(n - 1) * s + 1 + b for n, s, b in zip(grad.shape[2:], stride, behind)]
    wide = grad.new_zeros((*grad.shape[:2], *sizes))
    d, h, w = (slice(None, size - b, s) for size, s, b in zip(sizes, stride, behind))
    wide[:, :, d, h, w] = grad
    return wide


def _grad_x(grad, x, weight, stride, padding, dilation, groups):
    """A convolution of the gradient, zeros between its elements, with the turned kernel."""
    reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:])]
    behind = [(n + 2 * p - r - 1) % s for n, p, r, s in zip(x.shape[2:], padding, reach, stride)]
    wide = _spread(grad, stride, behind)
    for d, cut in enumerate(p - r for p, r in zip(padding, reach)):
        if cut > 0:  # these places see nothing but padding
            wide = wide.narrow(2 + d, cut, wide.shape[2 + d] - 2 * cut)
    around = [max(0, r - p) for r, p in zip(reach, padding)]
    turned = weight.flip(2, 3, 4).unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    return _convolve(wide, turned, (1, 1, 1), around, dilation, groups)


def _grad_weight(grad, x, weight, stride, padding, dilation, groups):
    """A convolution of x with the gradient as its kernel: channels are images, and images channels."""
    images = x.unflatten(1, (groups, -1)).transpose(0, 2).flatten(1, 2)
    kernel = grad.unflatten(1, (groups, -1)).permute(1, 2, 0, 3, 4, 5).flatten(0, 1)
    r, s, t = weight.shape[2:]
    found = _convolve(images, kernel, dilation, padding, stride, groups)[:, :, :r, :s, :t]
    return found.transpose(0, 1).contiguous()


def backward(grads, inputs, attrs):
    """The gradients are convolutions, too, so that they have the same kernels and one answer."""
    x, weight, bias = inputs
    stride, padding, dilation = ([attrs[f"{name}_{d}"] for d in "dhw"] for name in ("stride", "padding", "dilation"))
    if attrs["activation"] not in (0, "none"):
        raise NotImplementedError("strata::convolution has no gradient with an activation: apply it to the result")
    grad = grads[0].contiguous()
    settings = stride, padding, dilation, attrs["groups"]
    grad_bias = None
    if bias is not None:
        grad_bias = torch.ops.strata.reduce(grad.transpose(0, 1).flatten(1).contiguous(), 0)
    return _grad_x(grad, x, weight, *settings), _grad_weight(grad, x, weight, *settings), grad_bias


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(2, 3, 1, 5, 6), make(4, 3, 1, 3, 3), make(4)), {"padding_h": 1, "padding_w": 1}
    yield (make(1, 4, 1, 9, 7), make(6, 2, 1, 2, 3)), {"groups": 2, "stride_h": 2, "stride_w": 3, "dilation_w": 2}
    yield (make(2, 6, 1, 8, 9), make(6, 1, 1, 3, 3), make(6)), {"groups": 6, "stride_w": 2, "padding_w": 1}
    yield (make(2, 5, 1, 4, 4), make(9, 5, 1, 1, 1)), {}
    yield (make(1, 2, 4, 5, 3), make(3, 2, 2, 3, 2), make(3)), {"stride_d": 2, "padding_h": 1}
    yield (make(0, 3, 1, 4, 4), make(2, 3, 1, 1, 1)), {}
