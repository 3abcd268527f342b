"""segment_pool in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def _pool(rows, mode):
    if rows.shape[0] == 0:
        return rows.sum(0)
    if mode == "first":
        return rows[0]
    if mode == "max":
        return rows.max(0).values
    return rows.mean(0) if mode == "mean" else rows.sum(0)


def eager(x, cu_seqlens, mode="mean"):
    """`x` [N, D], `cu_seqlens` [B+1] -> [B, D]; an empty segment gives zeros."""
    ends = cu_seqlens.tolist()
    pooled = [_pool(x[begin:end], mode) for begin, end in zip(ends, ends[1:])]
    return torch.stack(pooled) if pooled else x[:0]


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    for mode in ("mean", "sum", "max", "first"):
        yield (make(7, 8), torch.tensor([0, 3, 3, 7])), {"mode": mode}
    yield (make(5, 17), torch.tensor([0, 1, 5], dtype=torch.int32)), {}
    yield (make(0, 8), torch.tensor([0])), {}
    yield (make(0, 8), torch.tensor([0, 0, 0])), {}
    yield (make(300, 384), torch.tensor([0, 12, 270, 300])), {}
