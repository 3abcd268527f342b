"""ONNX's products, norms and attention, the newest opsets' included."""

import math

import torch
from torch.nn import functional as F

from .._errors import Unsupported
from ._table import onnx_op, several


@onnx_op("MatMul")
def _matmul(node, a, b):
    return torch.matmul(a, b)


@onnx_op("Gemm")
def _gemm(node, a, b, c=None):
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    a, b = a.t() if node.get("transA") else a, b if node.get("transB") else b.t()
    if alpha == 1 and (c is None or (c.dim() == 1 and beta == 1)):
        return F.linear(a, b, c)
    y = F.linear(a, b)
    y = y if alpha == 1 else y * alpha
    return y if c is None else y + (c if beta == 1 else c * beta)


@onnx_op("Einsum")
def _einsum(node, *given):
    return torch.einsum(node.attrs["equation"].replace(" ", ""), *given)


@onnx_op("LayerNormalization")
def _layer_norm(node, x, weight, bias=None):
    shape = list(x.shape)[node.get("axis", -1) % x.dim() :]
    if list(weight.shape) != shape or (bias is not None and list(bias.shape) != shape):
        y = F.layer_norm(x, shape, eps=node.get("epsilon", 1e-5)) * weight
        return y if bias is None else y + bias
    return F.layer_norm(x, shape, weight, bias, node.get("epsilon", 1e-5))


@onnx_op("RMSNormalization")
def _rms_norm(node, x, weight):
    shape = list(x.shape)[node.get("axis", -1) % x.dim() :]
    eps = node.get("epsilon", 1e-5)
    if list(weight.shape) != shape:
        return F.rms_norm(x, shape, eps=eps) * weight
    return F.rms_norm(x, shape, weight, eps)


@onnx_op("GroupNormalization")
def _group_norm(node, x, weight, bias):
    groups = node.attrs["num_groups"]
    if node.version < 21 and groups > 0:  # one scale for each group, then
        each = x.shape[1] // groups
        weight, bias = (t.reshape(-1, 1).expand(groups, each).reshape(-1) for t in (weight, bias))
    return F.group_norm(x, groups, weight, bias, node.get("epsilon", 1e-5))


@onnx_op("BatchNormalization")
def _batch_norm(node, x, weight, bias, mean, var):
    if node.get("training_mode", 0):
        raise Unsupported("BatchNormalization with training_mode")
    return F.batch_norm(x, mean, var, weight, bias, False, 0.0, node.get("epsilon", 1e-5))


@onnx_op("InstanceNormalization")
def _instance_norm(node, x, weight, bias):
    return F.group_norm(x, x.shape[1], weight, bias, node.get("epsilon", 1e-5))


def _heads(x, count):
    """[batch, heads, length, dim] of [batch, length, heads * dim]."""
    if x.dim() == 4:
        return x
    if not count:
        raise Unsupported("attention on three dims without a number of heads")
    return x.unflatten(-1, (count, x.shape[-1] // count)).transpose(1, 2)


def _allowed(node, queries, keys, offset):
    """Which keys a query may see by its place: [queries, keys], or None: all."""
    causal = node.get("is_causal", 0)
    left, right = node.get("left_window_size", -1), node.get("right_window_size", -1)
    if not causal and left < 0 and right < 0:
        return None
    here = torch.arange(queries)[:, None] + offset
    there = torch.arange(keys)[None, :]
    rules = [there <= here] if causal else []
    rules += [there >= here - left] if left >= 0 else []
    rules += [there <= here + right] if right >= 0 else []
    made = rules[0]
    for rule in rules[1:]:
        made = made & rule
    return made


def _mask(node, mask, q, keys, offset, valid):
    """The mask for scaled_dot_product_attention: booleans, numbers to add, or None."""
    if mask is not None and mask.shape[-1] != keys:
        missing = keys - mask.shape[-1]
        mask = F.pad(mask, (0, missing), value=False if mask.dtype == torch.bool else -math.inf)
    for allowed in (_allowed(node, q.shape[2], keys, offset), valid):
        if allowed is None:
            continue
        if mask is None or mask.dtype == torch.bool:
            mask = allowed if mask is None else mask & allowed
        else:
            mask = torch.where(allowed, mask, -math.inf)
    return mask


@onnx_op("Attention")
@several
def _attention(node, q, k, v, mask=None, past_k=None, past_v=None, count=None):
    flat = q.dim() == 3
    q, k, v = (_heads(x, node.get(n)) for x, n in ((q, "q_num_heads"), (k, "kv_num_heads"), (v, "kv_num_heads")))
    offset = 0
    if past_k is not None:
        offset, k, v = past_k.shape[2], torch.cat([past_k, k], 2), torch.cat([past_v, v], 2)
    if node.get("softcap", 0.0) or node.outputs > 3:
        raise Unsupported("Attention with a softcap, or that gives its scores")
    keys, valid = k.shape[2], None
    if count is not None:
        offset = (count.reshape(-1, 1, 1, 1) - q.shape[2]) if past_k is None else offset
        valid = torch.arange(keys) < count.reshape(-1, 1, 1, 1)
    whole_k, whole_v = (_repeated(x, q.shape[1]) for x in (k, v))
    plain = mask is None and count is None and past_k is None and node.get("left_window_size", -1) < 0
    plain = plain and node.get("right_window_size", -1) < 0
    scale = node.get("scale") or None
    if plain:
        y = F.scaled_dot_product_attention(q, whole_k, whole_v, is_causal=bool(node.get("is_causal", 0)), scale=scale)
    else:
        y = F.scaled_dot_product_attention(q, whole_k, whole_v, _mask(node, mask, q, keys, offset, valid), scale=scale)
    return [y.transpose(1, 2).flatten(2) if flat else y, k, v]


def _repeated(x, heads):
    """Every head of keys or values as often as queries share it."""
    return x if x.shape[1] == heads else x.repeat_interleave(heads // x.shape[1], 1)


@onnx_op("RotaryEmbedding")
def _rotary(node, x, cos, sin, places=None):
    whole = x
    x = x.transpose(1, 2) if x.dim() == 4 else x.unflatten(-1, (node.attrs["num_heads"], -1))
    width = node.get("rotary_embedding_dim", 0) or x.shape[-1]
    turned, rest = x[..., :width], x[..., width:]
    if places is not None:
        shape = [*places.shape, cos.shape[-1]]
        cos, sin = (t.index_select(0, places.reshape(-1)).reshape(shape) for t in (cos, sin))
    cos, sin = cos.unsqueeze(2), sin.unsqueeze(2)
    if node.get("interleaved", 0):
        a, b = turned[..., 0::2], turned[..., 1::2]
        turned = torch.stack([cos * a - sin * b, sin * a + cos * b], -1).flatten(-2)
    else:
        a, b = turned[..., : width // 2], turned[..., width // 2 :]
        turned = torch.cat([cos * a - sin * b, sin * a + cos * b], -1)
    y = torch.cat([turned, rest], -1) if width != x.shape[-1] else turned
    return y.transpose(1, 2) if whole.dim() == 4 else y.flatten(2)
