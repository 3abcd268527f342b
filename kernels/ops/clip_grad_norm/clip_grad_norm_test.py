"""clip_grad_norm through torch.ops: the definition in float64, and what PyTorch asks of an operator that writes to a
list. Beside torch.nn.utils.clip_grad_norm_ it is in research/strata/optim/optim_test.py."""

import copy

import pytest
import torch

from strata import ops


def grads(dtype):
    generator = torch.Generator().manual_seed(1)
    shapes = [(3, 5), (), (0,), (130,), (300, 200)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype) for s in shapes]


@pytest.mark.parametrize("limit", [0.1, 1e9, float("inf")])
def test_agrees_with_the_definition_in_float64(limit):
    got = grads(torch.float64)
    want = copy.deepcopy(got)
    norm = ops.clip_grad_norm(got, limit)
    torch.testing.assert_close(norm, ops.definition("clip_grad_norm").eager(want, limit), rtol=1e-13, atol=0)
    torch.testing.assert_close(got, want, rtol=1e-13, atol=0)


def test_opcheck():
    torch.library.opcheck(torch.ops.strata.clip_grad_norm.default, (grads(torch.float32), 1.0))
