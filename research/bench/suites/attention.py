"""Attention, forward and backward, on runs of one length, so that PyTorch's dense attention does the same work."""

import torch
from torch.nn import functional as F

from strata import ops

from ..case import Case

UNIT = "GFLOP/s"
_HEADS = 12


def _shapes(options):
    if options.tiny:
        return [(32, 16, 8)]
    if options.quick:
        return [(1024, 128, 32), (1024, 512, 64), (2048, 2048, 64)]
    return [(4096, length, width) for width in (32, 64, 128) for length in (128, 512, 1024, 4096)]


def _case(name, tokens, length, width, causal, backward):
    q, k, v, g = (torch.randn(tokens, _HEADS, width) for _ in range(4))
    ends = torch.arange(0, tokens + 1, length)
    # PyTorch gets its own layout, [batch, heads, length, width], without paying for it.
    dense = [t.view(tokens // length, length, _HEADS, width).transpose(1, 2).contiguous() for t in (q, k, v, g)]
    flat = lambda t: t.transpose(1, 2).reshape(tokens, _HEADS, width)  # noqa: E731
    half = 0.5 if causal else 1.0
    work = 4.0 * tokens * length * _HEADS * width * half

    def forward():
        return ops.attention(q, k, v, ends, ends, causal=causal)[0]

    def theirs():
        return F.scaled_dot_product_attention(*dense[:3], is_causal=causal)

    compare = lambda a, b, _: _far(a, [flat(t) for t in (b if isinstance(b, tuple) else (b,))])  # noqa: E731
    # The backward has 2.5 times the forward's products, the scores again among them; timed with the forward.
    run, peer = (_both(forward, (q, k, v), g), _both(theirs, dense[:3], dense[3])) if backward else (forward, theirs)
    return Case(
        name,
        run,
        {"eager": peer},
        work=work * (3.5 if backward else 1.0),
        roof="fma_f32",
        compare=compare,
        bytes=16.0 * tokens * _HEADS * width * (2 if backward else 1),
    )


def _far(ours, theirs):
    from ..case import difference

    return difference(ours if isinstance(ours, tuple) else (ours,), theirs, 1e-3)


def _both(function, leaves, grad):
    for leaf in leaves:
        leaf.requires_grad_()

    def call():
        with torch.enable_grad():
            out = function()
        return torch.autograd.grad(out, leaves, grad)

    return call


def cases(options):
    for backward in (False, True):
        for tokens, length, width in _shapes(options):
            for causal in (False, True) if length > 128 else (False,):
                name = (
                    f"{'forward and backward' if backward else 'forward'} {tokens // length} x {length}, "
                    f"{_HEADS} heads of {width}{', causal' if causal else ''}"
                )
                yield name, lambda n=name, t=tokens, s=length, w=width, c=causal, b=backward: _case(n, t, s, w, c, b)
