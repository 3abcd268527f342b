"""append_kv through torch.ops: the definition, what PyTorch asks of an operator that writes to its arguments, and
decoding token by token with paged_attention as one attention does it."""

import pytest
import torch

from strata import ops

from kernels.testing.op_cases import maker


def arguments(dtype):
    generator = torch.Generator().manual_seed(1)
    make = maker(generator, dtype)
    tables = torch.randperm(9, generator=generator).view(3, 3)
    new = make(6, 3, 2, 8)  # k and v are slices of one tensor, as a projection leaves them
    ends, lengths = torch.tensor([0, 1, 1, 6]), torch.tensor([12, 4, 7])
    return make(9, 4, 2, 8), make(9, 4, 2, 8), new[:, 0], new[:, 1], ends, tables, lengths


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("integers", [torch.int32, torch.int64])
def test_agrees_with_the_definition(dtype, integers):
    *tensors, ends, tables, lengths = arguments(dtype)
    want = [t.clone() for t in tensors]
    rest = (ends.to(integers), tables.to(integers), lengths.to(integers))
    assert ops.append_kv(*tensors, *rest) is None
    ops.definition("append_kv").eager(*want, *rest)
    for mine, theirs in zip(tensors, want):
        assert torch.equal(mine, theirs)


def test_opcheck():
    torch.library.opcheck(torch.ops.strata.append_kv.default, arguments(torch.float32))


def test_a_table_that_leads_out_of_the_cache_is_an_error():
    k_cache, v_cache, k, v, ends, tables, lengths = arguments(torch.float32)
    before = k_cache.clone()
    with pytest.raises(RuntimeError, match="block_tables has 9"):
        ops.append_kv(k_cache, v_cache, k, v, ends, tables.masked_fill(tables == 8, 9), lengths)
    with pytest.raises(RuntimeError, match="context_lens has 13"):
        ops.append_kv(k_cache, v_cache, k, v, ends, tables, torch.tensor([13, 4, 7]))
    assert torch.equal(k_cache, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_decoding_token_by_token_has_the_bits_of_one_attention(dtype):
    make = maker(torch.Generator().manual_seed(2), dtype)
    tokens, prompt, length = 40, 33, 8
    q, k, v = make(tokens, 4, 16), make(tokens, 2, 16), make(tokens, 2, 16)
    k_cache, v_cache = make(5, length, 2, 16), make(5, length, 2, 16)
    tables, parts = torch.tensor([[3, 0, 4, 1, 2]]), []
    for begin, end in [(0, prompt), *((i, i + 1) for i in range(prompt, tokens))]:
        ends, lengths = torch.tensor([0, end - begin]), torch.tensor([end])
        ops.append_kv(k_cache, v_cache, k[begin:end], v[begin:end], ends, tables, lengths)
        parts.append(ops.paged_attention(q[begin:end], k_cache, v_cache, ends, tables, lengths))
    whole = torch.tensor([0, tokens])
    assert torch.equal(torch.cat(parts), ops.attention(q, k, v, whole, whole, causal=True)[0])
