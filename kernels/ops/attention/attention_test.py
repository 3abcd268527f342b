import pytest
import torch

from strata import ops

from kernels.testing.op_cases import maker


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=lambda d: str(d)[6:])
@pytest.mark.parametrize("width", [20, 128, 300])
@pytest.mark.parametrize("queries", [1, 3, 8])
@pytest.mark.parametrize("options", [{"causal": True}, {"causal": True, "window_left": 150}, {}], ids=str)
def test_few_queries_have_the_bits_of_many(dtype, width, queries, options):
    """Few go by blocks of keys, many by blocks of queries; with a bias, and grouped heads."""
    make = maker(torch.Generator().manual_seed(1), dtype)
    keys, heads, key_heads = 300, 6, 2
    q, k, v = make(keys, heads, width), make(keys, key_heads, width), make(keys, key_heads, width)
    whole, part = torch.tensor([0, keys]), torch.tensor([0, queries])
    for bias in (None, make(keys, 1, keys)):
        y, lse = ops.attention(q, k, v, whole, whole, bias, **options)
        few = None if bias is None else bias[-queries:].contiguous()
        got, got_lse = ops.attention(q[-queries:], k, v, part, whole, few, **options)
        assert torch.equal(got, y[-queries:])
        assert torch.equal(got_lse, lse[-queries:])
