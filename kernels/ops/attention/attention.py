"""attention in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(q, k, v, cu_seqlens, cu_seqlens_k, bias=None, scale=0.0, causal=False, window_left=-1, window_right=-1):
    """`q` [N, H, D], `k`, `v` [M, K, D], runs of rows from offsets [B+1], `bias` [N, J, S] -> [N, H, D], [N, H]."""
    scale = scale or q.shape[-1] ** -0.5
    heads = q.shape[1]
    k, v = (t.repeat_interleave(heads // max(1, t.shape[1]), 1) for t in (k, v))
    ends, ends_k = cu_seqlens.long(), cu_seqlens_k.long()
    rows, keys = torch.arange(q.shape[0]), torch.arange(k.shape[0])
    run, run_k = torch.searchsorted(ends, rows, right=True) - 1, torch.searchsorted(ends_k, keys, right=True) - 1
    # The last query of a run is level with its last key.
    place = rows - ends[run + 1] + ends_k[run + 1]
    key = keys - ends_k[run_k]
    offset = keys[None, :] - place[:, None]
    seen = run[:, None] == run_k[None, :]
    if causal or window_right >= 0:
        seen = seen & (offset <= (0 if causal else window_right))
    if window_left >= 0:
        seen = seen & (offset >= -window_left)
    scores = torch.einsum("ihd,jhd->hij", q, k) * scale
    if bias is not None:
        seen = seen & (key < bias.shape[2])[None, :]
        wide = bias.repeat_interleave(heads // max(1, bias.shape[1]), 1).transpose(0, 1)
        index = key.clamp(max=bias.shape[2] - 1).expand(heads, q.shape[0], -1)
        scores = scores + wide.gather(2, index)
    # -inf everywhere would make NaN of rows that see nothing; they are zeros.
    scores = scores.masked_fill(~seen, float("-inf"))
    lse = scores.logsumexp(-1) if k.shape[0] else scores.sum(-1) - float("inf")
    blind = ~seen.any(-1)
    weights = scores.masked_fill(blind[:, None], 0.0).softmax(-1).masked_fill(blind[:, None], 0.0)
    return torch.einsum("hij,jhd->ihd", weights, v), lse.masked_fill(blind, float("-inf")).T


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    offsets = torch.tensor([0, 3, 3, 10])
    own = lambda n, h, d: (make(n, h, d), make(n, h, d), make(n, h, d))  # noqa: E731
    # A bias a head; keys behind its end are hidden.
    yield (*own(10, 2, 8), offsets, offsets, make(10, 2, 6)), {}
    yield (*own(10, 2, 8), offsets, offsets), {"causal": True, "scale": 0.3}
    single = torch.tensor([0, 5], dtype=torch.int32)
    yield (*own(5, 1, 3), single, single), {}
    yield (*own(0, 2, 4), torch.tensor([0, 0]), torch.tensor([0, 0])), {}
    yield (*own(40, 3, 32), torch.tensor([0, 33, 40]), torch.tensor([0, 33, 40])), {"causal": True}
    # Keys of their own, grouped heads, a window: a prompt's later part.
    later = (torch.tensor([0, 4, 6]), torch.tensor([0, 9, 11]))
    yield (make(6, 4, 5), make(11, 2, 5), make(11, 2, 5), *later), {"causal": True, "window_left": 3}
    yield (make(6, 2, 4), make(11, 1, 4), make(11, 1, 4), *later), {"window_left": 2, "window_right": 1}
    # One bias for all heads.
    yield (make(6, 4, 3), make(11, 2, 3), make(11, 2, 3), *later, make(6, 1, 9)), {"causal": True}
    # More than a block of keys.
    long = (torch.tensor([0, 20]), torch.tensor([0, 300]))
    yield (make(20, 2, 16), make(300, 2, 16), make(300, 2, 16), *long), {"causal": True, "window_left": 200}
