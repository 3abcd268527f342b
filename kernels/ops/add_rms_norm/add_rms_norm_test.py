"""add_rms_norm gives the bits of an addition and rms_norm, forward and backward, also where results are streamed."""

import pytest
import torch
from strata import ops

from kernels.testing.op_cases import DTYPES, bits, maker

# The last: outputs of 24 MiB and more leave past the caches, in every dtype.
SHAPES = [(1, 1), (3, 17), (64, 384), (65, 130), (6144, 2048)]


def inputs(shape, dtype):
    make = maker(torch.Generator().manual_seed(shape[1]), dtype)
    return make(*shape), make(*shape), make(shape[1]), make(*shape), make(*shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_bits_of_an_addition_and_a_norm(shape, dtype):
    x, residual, weight, grad_y, grad_sum = inputs(shape, dtype)
    y, total = ops.add_rms_norm(x, residual, weight)
    assert torch.equal(bits(total), bits(x + residual))
    assert torch.equal(bits(y), bits(ops.rms_norm(x + residual, weight)))
    grad_x, grad_weight = ops.add_rms_norm_backward(grad_y, grad_sum, total, weight)
    want = ops.rms_norm_backward(grad_y, total, weight)
    assert torch.equal(bits(grad_x), bits(want[0] + grad_sum))
    assert torch.equal(bits(grad_weight), bits(want[1]))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_streamed_rows_have_the_bits_of_rows_alone(dtype):
    x, residual, weight, grad_y, grad_sum = inputs((6144, 2048), dtype)
    y, total = ops.add_rms_norm(x, residual, weight)
    grad_x = ops.add_rms_norm_backward(grad_y, grad_sum, total, weight)[0]
    for rows in (slice(0, 3), slice(3071, 3075), slice(6140, 6144)):
        alone, alone_total = ops.add_rms_norm(x[rows], residual[rows], weight)
        assert torch.equal(bits(y[rows]), bits(alone)) and torch.equal(bits(total[rows]), bits(alone_total))
        alone = ops.add_rms_norm_backward(grad_y[rows], grad_sum[rows], total[rows], weight)[0]
        assert torch.equal(bits(grad_x[rows]), bits(alone))


def test_the_residual_has_the_gradient_of_x():
    x, residual, weight, grad_y, grad_sum = inputs((5, 33), torch.float32)
    leaves = [t.requires_grad_() for t in (x, residual, weight)]
    got = torch.autograd.grad(ops.add_rms_norm(*leaves), leaves, (grad_y, grad_sum))
    total = x + residual
    want = torch.autograd.grad((ops.rms_norm(total, weight), total), leaves, (grad_y, grad_sum))
    assert all(torch.equal(bits(g), bits(w)) for g, w in zip(got, want, strict=True))
