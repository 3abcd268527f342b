"""paged_attention in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(q, k_cache, v_cache, cu_seqlens, block_tables, context_lens, scale=0.0, causal=True, window_left=-1):
    """`q` [N, H, D], caches [P, L, K, D], offsets [B+1], tables [B, C], lengths [B] -> [N, H, D]."""
    scale = scale or q.shape[-1] ** -0.5
    parts = [q[:0]]
    for b in range(block_tables.shape[0]):
        queries = q[int(cu_seqlens[b]) : int(cu_seqlens[b + 1])]
        keys = min(max(int(context_lens[b]), 0), block_tables.shape[1] * k_cache.shape[1])
        k, v = (
            cache[block_tables[b].long()].flatten(0, 1)[:keys].repeat_interleave(q.shape[1] // cache.shape[2], 1)
            for cache in (k_cache, v_cache)
        )
        offset = torch.arange(keys)[None, :] - (torch.arange(len(queries)) + keys - len(queries))[:, None]
        seen = torch.ones_like(offset, dtype=torch.bool)
        if causal:
            seen = seen & (offset <= 0)
        if window_left >= 0:
            seen = seen & (offset >= -window_left)
        scores = torch.einsum("ihd,jhd->hij", queries, k) * scale
        blind = ~seen.any(-1)
        scores = scores.masked_fill(~seen, float("-inf")).masked_fill(blind[:, None], 0.0)
        weights = scores.softmax(-1).masked_fill(blind[:, None], 0.0)
        parts.append(torch.einsum("hij,jhd->ihd", weights, v))
    return torch.cat(parts)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    caches = lambda *shape: (make(*shape), make(*shape))  # noqa: E731
    tables = torch.tensor([[2, 0, 3], [1, 4, 0]])
    yield (make(3, 4, 8), *caches(5, 4, 2, 8), torch.tensor([0, 1, 3]), tables, torch.tensor([11, 6])), {}
    yield (make(9, 2, 16), *caches(5, 4, 1, 16), torch.tensor([0, 8, 9]), tables, torch.tensor([10, 1])), {
        "window_left": 3,
        "scale": 0.3,
    }
    many = torch.randperm(20, generator=torch.Generator().manual_seed(1), dtype=torch.int32)[None]
    lengths = torch.tensor([309], dtype=torch.int32)
    yield (make(1, 8, 32), *caches(20, 16, 2, 32), torch.tensor([0, 1]), many, lengths), {"causal": False}
    yield (make(0, 2, 4), *caches(2, 4, 1, 4), torch.tensor([0, 0]), tables[:1, :1] * 0, torch.tensor([3])), {}
