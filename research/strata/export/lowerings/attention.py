"""scaled_dot_product_attention on [batch, heads, length, dim]: attention over runs of one length."""

import math

import torch

from ._table import Unsupported, fake, lowers
from .pointwise import fused
from .sources import even_runs


def _bias(build, mask, like, batch, heads, queries, keys):
    """The mask as numbers to add, [N, J, S]: J is 1 where all heads share it."""
    dtype = like.dtype
    mine = fake(mask[1]).shape
    sizes = [1] * (4 - len(mine)) + list(mine)
    bias = build.reshape(mask[0], sizes)
    if bias.dtype == torch.bool:
        bias = fused(build, (dtype, sizes), lambda m: torch.where(m, 0.0 * m.to(dtype), -math.inf), bias)
    elif bias.dtype != dtype:
        bias = fused(build, (dtype, sizes), lambda m: m.to(dtype), bias)
    shared = isinstance(sizes[1], int) and sizes[1] == 1
    whole = build.broadcast(bias, [batch, 1 if shared else heads, queries, keys])
    turned = build.permute(whole, [0, 2, 1, 3])
    return build.reshape(turned, [batch * queries, 1 if shared else heads, keys])


@lowers("scaled_dot_product_attention")
def _attention(build, node, q, k, v, mask=None, dropout=0.0, is_causal=False, scale=None, enable_gqa=False):
    like, keys, values = fake(node), fake(node.args[1]), fake(node.args[2])
    query = fake(node.args[0])
    if dropout:
        raise Unsupported("attention with dropout: call model.eval()")
    if query.shape[-1] != values.shape[-1]:
        raise Unsupported("attention whose values are wider or narrower than its keys")
    if query.dim() not in (3, 4):
        raise Unsupported("attention on tensors of another rank than 3 or 4")
    sizes = [[1] * (4 - t.dim()) + list(t.shape) for t in (query, keys, values)]
    (batch, heads, m, width), (_, _, n, _), _ = sizes
    if is_causal and not _equal(m, n):
        raise Unsupported("causal attention of other lengths: PyTorch's first query is level with the first key")
    flat = []
    for x, (b, h, s, d) in zip((q, k, v), sizes):
        rows = build.permute(build.reshape(x, [b, h, s, d]), [0, 2, 1, 3])
        if not _equal(b, batch):
            rows = build.broadcast(rows, [batch, s, h, d])
        flat.append(build.reshape(rows, [batch * s, h, d]))
    ends = even_runs(build, batch, m)
    ends_k = ends if _equal(m, n) else even_runs(build, batch, n)
    bias = None if mask is None else _bias(build, (mask, _mask_node(node)), like, batch, heads, m, n)
    lse = torch.float64 if q.dtype == torch.float64 else torch.float32
    y, _ = build.op(
        "attention",
        [*flat, ends, ends_k, bias],
        {"scale": float(scale or 0.0), "causal": bool(is_causal)},
        [build.value((q.dtype, [batch * m, heads, width])), build.value((lse, [batch * m, heads]))],
    )
    return build.reshape(build.permute(build.reshape(y, [batch, m, heads, width]), [0, 2, 1, 3]), like.shape)


def _mask_node(node):
    return node.args[3] if len(node.args) > 3 else node.kwargs["attn_mask"]


def _equal(a, b):
    return str(a) == str(b)
