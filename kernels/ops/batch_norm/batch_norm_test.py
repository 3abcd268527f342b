"""What is special to batch_norm: the bits of its parts, PyTorch's answer, streamed results, frozen statistics."""

import pytest
import torch
from strata import ops

from kernels.testing.op_cases import DTYPES, bits, maker

# The last: outputs of 24 MiB and more leave past the caches, in every dtype.
SHAPES = [(3, 12, 35), (4, 130, 1), (2, 3, 64), (6, 64, 32768)]


def inputs(shape, dtype):
    """x, the statistics, weight and bias, residual, gradient"""
    make = maker(torch.Generator().manual_seed(shape[2]), dtype)
    channels = [make(shape[1]), make(shape[1]).square() + 0.5, make(shape[1]), make(shape[1])]
    return make(*shape), channels, make(*shape), make(*shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_bits_of_a_norm_an_addition_and_relu(shape, dtype):
    x, channels, residual, grad = inputs(shape, dtype)
    plain = ops.batch_norm(x, *channels)
    total = plain + residual
    assert torch.equal(bits(ops.batch_norm(x, *channels, residual)), bits(total))
    assert torch.equal(bits(ops.batch_norm(x, *channels, activation="relu")), bits(torch.relu(plain).abs()))
    y = ops.batch_norm(x, *channels, residual, activation="relu")
    assert torch.equal(bits(y), bits(torch.relu(total).abs()))  # abs: zero without a sign
    got = ops.batch_norm_backward(grad, x, *channels[:3], y, activation="relu")
    cut = torch.where(total > 0, grad, 0)
    want = ops.batch_norm_backward(cut, x, *channels[:3], y, need_residual=0)
    assert want[5].numel() == 0 and torch.equal(bits(got[5]), bits(cut))
    for g, w in zip(got[:5], want[:5], strict=True):
        assert torch.equal(bits(g), bits(w))


@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_a_blocks_gradients_are_pytorchs(shape):
    x, channels, residual, grad = inputs(shape, torch.float64)
    leaves = [t.requires_grad_() for t in (x, *channels, residual)]
    mean, var, weight, bias = channels
    norm = (x - mean[:, None]) / torch.sqrt(var + 1e-5)[:, None] * weight[:, None] + bias[:, None]
    want = torch.autograd.grad(torch.relu(norm + residual), leaves, grad)
    got = torch.autograd.grad(ops.batch_norm(x, *channels, residual, activation="relu"), leaves, grad)
    torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-11)


def test_agrees_with_pytorch():
    x, (mean, var, weight, bias), _, _ = inputs(SHAPES[0], torch.float32)
    want = torch.nn.functional.batch_norm(x.double(), mean.double(), var.double(), weight.double(), bias.double())
    torch.testing.assert_close(ops.batch_norm(x, mean, var, weight, bias).double(), want, rtol=1e-5, atol=1e-5)


def test_relu_keeps_a_nan_and_stops_its_gradient_nowhere():
    one = torch.ones(1)
    x = torch.tensor([[[float("nan"), -2.0, 2.0]]])
    y = ops.batch_norm(x, 0 * one, one, one, 0 * one, eps=0.0, activation="relu")
    assert y[0, 0].isnan().tolist() == [True, False, False] and y[0, 0, 1:].tolist() == [0.0, 2.0]
    grad = ops.batch_norm_backward(torch.ones_like(x), x, 0 * one, one, one, y, eps=0.0, activation="relu")[0]
    assert grad[0, 0].tolist() == [1.0, 0.0, 1.0]
