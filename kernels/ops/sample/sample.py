"""sample in plain Python and PyTorch: the definition (sample.h) that the tests compare the kernels with."""

import torch

_STREAM = 0x73616D706C65
_MASK = 0xFFFFFFFF


def philox(seed, stream, block):
    """Four random words: Philox4x32-10."""
    counter = [block & _MASK, block >> 32 & _MASK, stream & _MASK, stream >> 32 & _MASK]
    key = [seed & _MASK, seed >> 32 & _MASK]
    for _ in range(10):
        a, b = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [b >> 32 ^ counter[1] ^ key[0], b & _MASK, a >> 32 ^ counter[3] ^ key[1], a & _MASK]
        key = [key[0] + 0x9E3779B9 & _MASK, key[1] + 0xBB67AE85 & _MASK]
    return counter


def _draw(logits, seed, position, temperature, top_k, top_p):
    most = logits.max() / temperature
    if not temperature > 0 or not torch.isfinite(most):
        return int(logits.argmax())
    high, low, *_ = philox(seed % 2**64, _STREAM, position % 2**64)
    u = ((high << 32 | low) >> 11) * 2.0**-53
    weights = torch.exp(logits / temperature - most)
    order = torch.arange(len(logits))
    cut = 0 < top_k < len(logits)
    if cut or top_p < 1:
        order = torch.sort(logits, descending=True, stable=True).indices[: top_k if cut else None]
        sums = weights[order].cumsum(0)
        if top_p < 1:
            order = order[: int((sums < top_p * sums[-1]).sum()) + 1]
    sums = weights[order].cumsum(0)
    return int(order[int((sums <= u * sums[-1]).sum())])


def eager(logits, seed, position, temperature=None, top_k=None, top_p=None):
    """`logits` [B, V]; `seed`, `position` int64 [B]; `temperature`, `top_p` float32 [B]; `top_k` int64 [B] -> [B]."""
    rows = [
        _draw(
            logits[b].double(), int(seed[b]), int(position[b]), 1.0 if temperature is None else float(temperature[b]),
            0 if top_k is None else int(top_k[b]), 1.0 if top_p is None else float(top_p[b]),
        )
        for b in range(logits.shape[0])
    ]
    return torch.tensor(rows, dtype=torch.int64)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    seed, position = torch.arange(40) % 3 * 2**40 - 7, torch.arange(40)
    heat, top_p = torch.linspace(0, 2, 40), torch.linspace(0, 1.1, 40)
    top_k = torch.arange(40) % 7
    yield (make(3, 8), seed[:3], position[:3]), {}
    yield (3 * make(40, 70), seed, position, heat, top_k, top_p), {}
    yield (3 * make(40, 170), seed, position, heat), {}
    yield (3 * make(40, 17), seed, position, None, None, top_p), {}
    yield (3 * make(40, 17), seed, position, None, top_k), {}
    yield (make(0, 5), seed[:0], position[:0]), {}
