"""paged_attention has the bits of attention on the same keys laid end to end."""

import pytest
import torch

from strata import ops

from kernels.testing.op_cases import maker


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("queries,group", [((1, 1, 1), 1), ((1, 1, 1), 8), ((1, 1, 1), 13), ((5, 1, 40), 2)])
@pytest.mark.parametrize("left", [-1, 20])
def test_the_bits_of_attention_on_gathered_keys(dtype, queries, group, left):
    generator = torch.Generator().manual_seed(2)
    make = maker(generator, dtype)
    keys, block, heads, width = (300, 7, 129), 16, 2, 40
    tables = torch.randperm(3 * 20, generator=generator).view(3, 20)
    k_cache, v_cache = make(60, block, heads, width), make(60, block, heads, width)
    q = make(sum(queries), heads * group, width)
    ends = torch.tensor([0, *queries]).cumsum(0)
    got = ops.paged_attention(
        q, k_cache, v_cache, ends, tables, torch.tensor(keys), causal=True, window_left=left
    )
    k, v = (
        torch.cat([cache[tables[b]].flatten(0, 1)[:count] for b, count in enumerate(keys)])
        for cache in (k_cache, v_cache)
    )
    want, _ = ops.attention(q, k, v, ends, torch.tensor([0, *keys]).cumsum(0), causal=True, window_left=left)
    assert torch.equal(got, want)


def test_what_lies_beyond_the_context_is_not_read():
    q, cache = torch.randn(1, 2, 8), torch.randn(4, 4, 1, 8)
    arguments = (torch.tensor([0, 1]), torch.tensor([[2, 1, 0]]), torch.tensor([6]))
    want = ops.paged_attention(q, cache, cache, *arguments)
    changed = cache.clone()
    changed[1, 2:] = float("nan")
    changed[[0, 3]] = float("nan")
    assert torch.equal(ops.paged_attention(q, changed, changed, *arguments), want)
