import pytest
import torch

from strata import ops


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=lambda d: str(d)[6:])
def test_a_query_that_sees_one_key_has_no_gradient(dtype):
    """The softmax of one score is 1 whatever the query: what the backward subtracts must not be a rounded y's."""
    generator = torch.Generator().manual_seed(0)
    q, k, v, grad = (torch.randn(40, 3, 64, generator=generator).to(dtype) for _ in range(4))
    ends = torch.tensor([0, 40])
    q.requires_grad_()
    y, _ = ops.attention(q, k, v, ends, ends, causal=True)
    (found,) = torch.autograd.grad(y, q, grad)
    assert found[0].abs().max() < 2e-5 < 1e-2 < found[1].abs().max()
