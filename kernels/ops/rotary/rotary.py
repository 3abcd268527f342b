"""rotary in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(x, cos, sin, positions, pairs="half"):
    """`x` [..., H, D], tables `cos` and `sin` [P, F] with 2 F <= D, `positions` [...] in [0, P) -> [..., H, D]."""
    positions = positions.long()
    c, s = cos[positions].unsqueeze(-2), sin[positions].unsqueeze(-2)
    turned = 2 * cos.shape[1]
    if pairs == "half":
        first, second = x[..., : turned // 2], x[..., turned // 2 : turned]
        return torch.cat([first * c - second * s, second * c + first * s, x[..., turned:]], dim=-1)
    first, second = x[..., 0:turned:2], x[..., 1:turned:2]
    pair = torch.stack([first * c - second * s, second * c + first * s], dim=-1)
    return torch.cat([pair.flatten(-2), x[..., turned:]], dim=-1)


def _tables(make, positions, angles):
    """Cosines and sines of the usual angles, float64 for a float64 call and float32 for the others."""
    dtype = torch.float64 if make(0).dtype == torch.float64 else torch.float32
    rates = 10000.0 ** (-torch.arange(angles, dtype=torch.float64) / max(angles, 1))
    turns = torch.arange(positions, dtype=torch.float64)[:, None] * rates
    return turns.cos().to(dtype), turns.sin().to(dtype)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(5, 2, 8), *_tables(make, 9, 4), torch.tensor([0, 1, 8, 3, 3])), {}
    yield (make(5, 2, 8), *_tables(make, 9, 4), torch.tensor([8, 1, 0, 3, 3], dtype=torch.int32)), {
        "pairs": "interleaved"
    }
    yield (make(2, 3, 3, 19), *_tables(make, 7, 5), torch.tensor([[0, 1, 2], [4, 5, 6]])), {}
    yield (make(2, 3, 3, 19), *_tables(make, 7, 5), torch.tensor([[0, 1, 2], [4, 5, 6]])), {"pairs": "interleaved"}
    yield (make(3, 2, 6), *_tables(make, 4, 0), torch.tensor([0, 3, 1])), {}
    yield (make(0, 2, 8), *_tables(make, 4, 4), torch.zeros(0, dtype=torch.int64)), {}
    yield (make(64, 12, 64), *_tables(make, 64, 32), torch.arange(64)), {}
