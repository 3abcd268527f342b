"""Attention, forward and backward, on runs of one length, so that PyTorch's dense attention does the same work; and
what else it can do: windows, biases, grouped heads, runs of many lengths, bfloat16; and one query a sequence, as when a
language model writes a token."""

import torch
from torch.nn import functional as F

from strata import ops

from ..case import Case, difference

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


def _far(ours, theirs, dtype=torch.float32):
    # PyTorch's bfloat16 gradients sum what it has rounded before.
    allowed = 1e-3 if dtype == torch.float32 else 0.1
    return difference(ours if isinstance(ours, tuple) else (ours,), theirs, allowed)


def _both(function, leaves, grad):
    for leaf in leaves:
        leaf.requires_grad_()

    def call():
        with torch.enable_grad():
            out = function()
        return torch.autograd.grad(out, leaves, grad)

    return call


def _modes(options):
    """(name, lengths of the runs, key heads, our arguments, PyTorch's, share of the keys seen, dtype)."""
    length, f32 = (16 if options.tiny else 512 if options.quick else 1024), torch.float32
    even, ragged = [length] * 2, [length, length // 8, length // 2, length // 4]
    window = length // 4
    place = torch.arange(length)
    near = (place[:, None] - place[None, :]).abs() <= window
    bias = torch.randn(2 * length, 1, length)
    yield (
        "a window",
        even,
        _HEADS,
        {"window_left": window, "window_right": window},
        {"attn_mask": near},
        float(near.float().mean()),
        f32,
    )
    yield "a bias", even, _HEADS, {"bias": bias}, {"attn_mask": bias.view(2, 1, length, length)}, 1.0, f32
    yield "4 heads a key head", even, _HEADS // 4, {}, {"enable_gqa": True}, 1.0, f32
    yield "runs of 4 lengths", ragged, _HEADS, {}, {}, 1.0, f32
    yield "bfloat16", even, _HEADS, {}, {}, 1.0, torch.bfloat16


def _mode(name, lengths, key_heads, mine, other, seen, dtype, backward):
    width, tokens, most = 64, sum(lengths), max(lengths)
    make = lambda heads: torch.randn(tokens, heads, width).to(dtype)  # noqa: E731
    q, k, v, g = make(_HEADS), make(key_heads), make(key_heads), make(_HEADS)
    ends = torch.tensor([0, *lengths]).cumsum(0)
    # PyTorch gets runs of many lengths padded, with a mask of what is real.
    real = torch.arange(most)[None, :] < torch.tensor(lengths)[:, None]
    rows = real.flatten().nonzero().squeeze(1)

    def dense(t):
        padded = t.new_zeros(real.numel(), *t.shape[1:]).index_copy(0, rows, t)
        return padded.view(len(lengths), most, *t.shape[1:]).transpose(1, 2).contiguous()

    their = [dense(t) for t in (q, k, v, g)]
    if not bool(real.all()):
        other = {"attn_mask": real[:, None, None, :]}

    def forward():
        return ops.attention(q, k, v, ends, ends, **mine)[0]

    def theirs():
        return F.scaled_dot_product_attention(*their[:3], **other)

    flat = lambda t: t.transpose(1, 2).flatten(0, 1)[rows]  # noqa: E731
    compare = lambda a, b, _: _far(a, [flat(t) for t in (b if isinstance(b, tuple) else (b,))], dtype)  # noqa: E731
    run, peer = (_both(forward, (q, k, v), g), _both(theirs, their[:3], their[3])) if backward else (forward, theirs)
    return Case(
        name,
        run,
        {"eager": peer},
        work=4.0 * sum(n * n for n in lengths) * _HEADS * width * seen * (3.5 if backward else 1.0),
        roof="fma_f32",  # bfloat16, too: it is computed in float32
        dtype=str(dtype).removeprefix("torch."),
        compare=compare,
        bytes=16.0 * tokens * _HEADS * width * (2 if backward else 1),
    )


def _decode_shapes(options):
    """(keys of a sequence, sequences, dtype)."""
    if options.tiny:
        return [(20, 2, torch.float32)]
    if options.quick:
        return [(4096, 1, torch.float32), (512, 8, torch.bfloat16)]
    return [(n, b, t) for t in (torch.float32, torch.bfloat16) for n in (512, 4096) for b in (1, 8)]


def _decode(name, keys, sequences, dtype, paged):
    """One query a sequence: keys and values are read once, so memory is the limit, and the unit bytes."""
    heads, key_heads, width, block = 32, 8, 128, 16
    blocks = -(-keys // block)
    caches = [torch.randn(sequences * blocks, block, key_heads, width).to(dtype) for _ in range(2)]
    tables = torch.randperm(sequences * blocks).view(sequences, blocks)
    q, ends = torch.randn(sequences, heads, width).to(dtype), torch.arange(sequences + 1)
    # Laid end to end; PyTorch gets its own layout, and need not gather what it reads, which flatters it.
    flat = [torch.cat([c[t].flatten(0, 1)[:keys] for t in tables]) for c in caches]
    dense = [t.view(sequences, keys, key_heads, width).transpose(1, 2).contiguous() for t in flat]
    lengths, ends_k, one = torch.full((sequences,), keys), ends * keys, q.unsqueeze(2)
    size = 2.0 * sequences * keys * key_heads * width * q.element_size()

    def ours():
        if paged:
            return ops.paged_attention(q, *caches, ends, tables, lengths)
        return ops.attention(q, *flat, ends, ends_k)[0]

    return Case(
        name,
        ours,
        {"eager": lambda: F.scaled_dot_product_attention(one, *dense, enable_gqa=True).squeeze(2)},
        work=size,
        bytes=size,
        roof="read",
        dtype=str(dtype).removeprefix("torch."),
        compare=lambda a, b, _: difference(a, b, 1e-3 if dtype == torch.float32 else 0.1),
    )


def cases(options):
    for backward in (False, True):
        for tokens, length, width in _shapes(options):
            for causal in (False, True) if length > 128 else (False,):
                name = (
                    f"{'forward and backward' if backward else 'forward'} {tokens // length} x {length}, "
                    f"{_HEADS} heads of {width}{', causal' if causal else ''}"
                )
                yield name, lambda n=name, t=tokens, s=length, w=width, c=causal, b=backward: _case(n, t, s, w, c, b)
    for backward in (False, True):
        for what, *mode in _modes(options):
            name = f"{'forward and backward' if backward else 'forward'}, 12 heads of 64, {what}"
            yield name, lambda n=name, m=mode, b=backward: _mode(n, *m, b)
    for keys, sequences, dtype in _decode_shapes(options):
        for paged in (True, False):
            kind = f"{'paged, ' if paged else ''}1 query on {keys} keys, batch {sequences}"
            name = f"GB/s: {kind}, 32 heads of 128 on 8 key heads"
            yield name, lambda n=name, k=keys, s=sequences, t=dtype, p=paged: _decode(n, k, s, t, p)
