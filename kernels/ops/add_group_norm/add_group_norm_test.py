"""add_group_norm gives the bits of an addition and group_norm, forward and backward, also for streamed results."""

import pytest
import torch
from strata import ops

from kernels.testing.op_cases import DTYPES, bits, maker

# The last: outputs of 24 MiB and more leave past the caches, in every dtype.
SHAPES = [(2, 6, 5, 3), (3, 8, 1, 2), (2, 32, 100, 8), (6, 64, 32768, 16)]


@pytest.mark.parametrize("activation", ["none", "silu"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_bits_of_an_addition_and_a_norm(shape, dtype, activation):
    make = maker(torch.Generator().manual_seed(shape[2]), dtype)
    *size, groups = shape
    x, residual, grad_y, grad_sum = (make(*size) for _ in range(4))
    weight, bias = make(size[1]), make(size[1])
    options = {"groups": groups, "activation": activation}
    y, total = ops.add_group_norm(x, residual, weight, bias, **options)
    assert torch.equal(bits(total), bits(x + residual))
    assert torch.equal(bits(y), bits(ops.group_norm(x + residual, weight, bias, **options)))
    got = ops.add_group_norm_backward(grad_y, grad_sum, total, weight, bias, **options)
    want = ops.group_norm_backward(grad_y, total, weight, bias, **options)
    assert torch.equal(bits(got[0]), bits(want[0] + grad_sum))
    assert torch.equal(bits(got[1]), bits(want[1])) and torch.equal(bits(got[2]), bits(want[2]))
