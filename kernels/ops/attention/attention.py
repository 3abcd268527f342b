"""attention in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(q, k, v, cu_seqlens, scale=0.0, causal=False):
    """`q`, `k`, `v` [N, H, D], runs of rows from `cu_seqlens` [B+1] -> [N, H, D]."""
    scale = scale or q.shape[-1] ** -0.5
    rows = torch.arange(q.shape[0], device=q.device)
    run = torch.searchsorted(cu_seqlens, rows, right=True)
    hidden = run[:, None] != run[None, :]
    if causal:
        hidden = hidden | (rows[:, None] < rows[None, :])
    scores = torch.einsum("ihd,jhd->hij", q, k) * scale
    weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
    return torch.einsum("hij,jhd->ihd", weights, v)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    offsets = torch.tensor([0, 3, 3, 10])
    yield (make(10, 2, 8), make(10, 2, 8), make(10, 2, 8), offsets), {}
    yield (make(10, 2, 8), make(10, 2, 8), make(10, 2, 8), offsets), {"causal": True, "scale": 0.3}
    yield (make(5, 1, 3), make(5, 1, 3), make(5, 1, 3), torch.tensor([0, 5], dtype=torch.int32)), {}
    yield (make(0, 2, 4), make(0, 2, 4), make(0, 2, 4), torch.tensor([0, 0])), {}
    yield (make(40, 3, 32), make(40, 3, 32), make(40, 3, 32), torch.tensor([0, 33, 40])), {"causal": True}
