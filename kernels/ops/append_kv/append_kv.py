"""append_kv in plain PyTorch: the definition that the tests compare the kernel with."""

import torch


def eager(k_cache, v_cache, k, v, cu_seqlens, block_tables, context_lens):
    """Writes `k`, `v` [N, K, D] of sequences [B+1] into caches [P, L, K, D] by tables [B, C] and lengths [B]."""
    length = k_cache.shape[1]
    with torch.no_grad():
        for b in range(block_tables.shape[0]):
            begin, end = int(cu_seqlens[b]), int(cu_seqlens[b + 1])
            for row in range(begin, end):
                key = int(context_lens[b]) - end + row
                block = int(block_tables[b, key // length])
                k_cache[block, key % length] = k[row]
                v_cache[block, key % length] = v[row]
