"""What is special to group_norm: its relatives' bits, PyTorch's answer, a large mean."""

import pytest
import torch
from strata import ops

from kernels.testing.op_cases import DTYPES, bits


def inputs(dtype, samples=3, channels=12, places=35):
    generator = torch.Generator().manual_seed(places)
    make = lambda *size: torch.randn(size, generator=generator).to(dtype)  # noqa: E731
    return make(samples, channels, places), make(channels), make(channels), make(samples, channels, places)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_one_group_of_single_places_is_layer_norm(dtype):
    x, weight, bias, _ = inputs(dtype, channels=130, places=1)
    assert torch.equal(bits(ops.group_norm(x, weight, bias)[..., 0]), bits(ops.layer_norm(x[..., 0], weight, bias)))


@pytest.mark.parametrize("groups", [1, 3, 12])
def test_agrees_with_pytorch(groups):
    x, weight, bias, grad = (t.requires_grad_() for t in inputs(torch.float64))
    want = torch.nn.functional.group_norm(x, groups, weight, bias)
    got = ops.group_norm(x, weight, bias, groups=groups)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    leaves = (x, weight, bias)
    for g, w in zip(torch.autograd.grad(got, leaves, grad), torch.autograd.grad(want, leaves, grad), strict=True):
        torch.testing.assert_close(g, w, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_silu_sees_what_was_rounded(dtype):
    x, weight, bias, grad = inputs(dtype)
    plain = ops.group_norm(x, weight, bias, groups=4)
    fused = ops.group_norm(x, weight, bias, groups=4, activation="silu")
    want = torch.nn.functional.silu(plain.double())
    assert float((fused.double() - want).abs().max() / want.abs().max()) < torch.finfo(dtype).eps
    # One element's gradient through silu, then the plain backward: the same bits.
    weight, bias = torch.ones_like(weight), torch.zeros_like(bias)
    z = ops.group_norm(x, weight, bias, groups=4).double().requires_grad_()
    torch.nn.functional.silu(z).backward(grad.double())
    got = ops.group_norm_backward(grad, x, weight, bias, groups=4, activation="silu")
    want = ops.group_norm_backward(z.grad.to(dtype), x, weight, bias, groups=4)
    for g, w in zip(got, want, strict=True):
        error = (g.double() - w.double()).abs().max() / w.double().abs().max()
        assert float(error) < 8 * torch.finfo(dtype).eps


def test_a_large_mean_does_not_drown_the_variance():
    x = 1e5 + (torch.arange(128.0).view(1, 4, 32) % 2)
    y = ops.group_norm(x, torch.ones(4), torch.zeros(4), groups=2, eps=0.0)
    torch.testing.assert_close(y, 2 * (x - 1e5) - 1, rtol=0, atol=1e-5)


def test_refuses_groups_that_do_not_divide_the_channels():
    x, weight, bias, _ = inputs(torch.float32)
    with pytest.raises(RuntimeError, match="multiple"):
        ops.group_norm(x, weight, bias, groups=5)


def test_streamed_samples_have_the_bits_of_samples_alone():
    x, weight, bias, grad = inputs(torch.float32, samples=4, channels=64, places=32768)
    y = ops.group_norm(x, weight, bias, groups=8, activation="silu")
    grad_x = ops.group_norm_backward(grad, x, weight, bias, groups=8, activation="silu")[0]
    for n in (0, 3):
        one = slice(n, n + 1)
        alone = ops.group_norm(x[one], weight, bias, groups=8, activation="silu")
        assert torch.equal(bits(y[one]), bits(alone))
        alone = ops.group_norm_backward(grad[one], x[one], weight, bias, groups=8, activation="silu")[0]
        assert torch.equal(bits(grad_x[one]), bits(alone))
