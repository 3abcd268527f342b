"""`strata.accelerate(model)`: an unmodified model of transformers on Strata's attention and norms, for research and
training.

    model = strata.accelerate(AutoModel.from_pretrained(...))      # in place; the model is given back
    with strata.accelerated(model):                                # for a while: what strata.export does
        y = model(**batch)

Attention and masks go through transformers' own interfaces, under the name "strata". A mask is looked at once for all
layers: where it is causal or a window, the kernel does it; padding becomes runs, so that no score is computed between a
token and what is not there. An output for a token of padding is then of no use, as with flash attention. Whatever the
kernels do not have (dropout, soft caps, attention sinks, other devices) runs as transformers wrote it.
"""

import contextlib
import dataclasses
import math
import sys
import types

import torch

from . import ops

_NAME = "strata"
_DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def accelerate(model):
    """Lets every part of `model` that comes from transformers run on Strata's operators, in place; gives it back.

    Attention of every model whose code uses `AttentionInterface`; RMS norms that compute what `rms_norm` does, which is
    tried on each. Other models and modules stay as they are.
    """
    _swap(model)
    return model


@contextlib.contextmanager
def accelerated(model):
    """The same until the block ends, rotary embeddings included; then all is as it was. Those are functions of
    transformers' modules: other models of the same kind have them, too, as long as the block lasts."""
    undo = _swap(model)
    undo += _rotary(model) if undo else []
    try:
        yield model
    finally:
        for back in reversed(undo):
            back()


def _swap(model):
    """Calls that put everything back."""
    if "transformers.modeling_utils" not in sys.modules:
        return []  # then no part of the model is theirs
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(_NAME, attention)
    AttentionMaskInterface.register(_NAME, mask)
    return [*_by_name(model), *_norms(model)]


def _by_name(model):
    from transformers import PreTrainedModel

    configs = {id(m.config): m.config for m in model.modules()
               if isinstance(m, PreTrainedModel) and m._can_set_attn_implementation()}  # fmt: skip
    undo = []
    for config in configs.values():
        old = config._attn_implementation
        if old in ("sdpa", "eager"):
            config._attn_implementation_internal = _NAME
            undo.append(lambda config=config, old=old: setattr(config, "_attn_implementation_internal", old))
    return undo


# Masks.


@dataclasses.dataclass
class _Seen:
    """What a mask lets be seen, as attention says it: a window around the query's own place, and runs of rows."""

    left: int
    right: int
    ends: torch.Tensor | None  # offsets [R+1] over batch and length together; None where nothing is padded


def mask(*args, **kwargs):
    """transformers' boolean mask [B, 1, Q, K]; outside of a trace it carries what it shows (`strata_seen`)."""
    from transformers.masking_utils import sdpa_mask

    kwargs |= {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
    made = sdpa_mask(*args, **kwargs)
    if not torch.compiler.is_compiling() and not args:
        padding = kwargs.pop("attention_mask", None)
        plain = sdpa_mask(**(kwargs | {"batch_size": 1}))[0, 0]
        wanted = plain if padding is None else plain & padding.bool()[:, None, : plain.shape[1]]
        made.strata_seen = _seen(plain, padding) if bool((made[:, 0] == wanted).all()) else None
    return made


def _seen(plain, padding):
    """The _Seen of a mask [Q, K] and of its padding [B, K]; None where attention has no words for it."""
    queries, keys = plain.shape
    apart = torch.arange(keys) - torch.arange(queries)[:, None] - (keys - queries)  # 0 is level, as attention counts
    if not plain.any():
        return None
    left, right = -int(apart[plain].min()), int(apart[plain].max())
    if min(left, right) < 0 or not torch.equal((apart >= -left) & (apart <= right), plain):
        return None
    left, right = -1 if left >= keys - 1 else left, -1 if right >= queries - 1 else right
    if padding is None or bool(padding.all()):
        return _Seen(left, right, None)
    ends = _runs(padding.bool()) if queries == keys == padding.shape[1] else None
    return None if ends is None else _Seen(left, right, ends)


def _runs(padding):
    """Offsets of runs: a row's tokens are one, what is padded before and behind them are others. None if there are
    holes in a row."""
    starts = torch.ones_like(padding)
    starts[:, 1:] = padding[:, 1:] != padding[:, :-1]
    if int((starts & padding).sum(1).max()) > 1:
        return None
    return torch.cat([starts.flatten().nonzero()[:, 0], torch.tensor([padding.numel()])])


# Attention.


def attention(module, query, key, value, attention_mask, dropout=0.0, scaling=None, is_causal=None,
              position_bias=None, **kwargs):  # fmt: skip
    """transformers' attention function: query [B, H, Q, D], key and value [B, G, K, D] -> ([B, Q, H, D], None)."""
    given = {"dropout": dropout, "scaling": scaling, "is_causal": is_causal, "position_bias": position_bias, **kwargs}
    if attention_mask is None and is_causal is None:
        is_causal = getattr(module, "is_causal", False)
    causal = attention_mask is None and bool(is_causal) and query.shape[2] > 1
    if _beyond(query, key, value, position_bias, dropout, kwargs) or (causal and query.shape[2] != key.shape[2]):
        return _as_written(module, query, key, value, attention_mask, given)
    if torch.compiler.is_exporting():
        return _traced(query, key, value, attention_mask, scaling, causal, position_bias), None
    plain, bias = _Seen(-1, 0 if causal else -1, None), None
    seen = plain if attention_mask is None else getattr(attention_mask, "strata_seen", None)
    if position_bias is not None or seen is None:
        bias, seen = _bias(query, key, attention_mask, position_bias), plain
    batch, heads, queries, width = query.shape
    ends, ends_k = (seen.ends,) * 2 if seen.ends is not None else _even(batch, queries, key.shape[2])
    rows = [t.transpose(1, 2).reshape(-1, t.shape[1], width) for t in (query, key, value)]
    y, _ = ops.attention(*rows, ends, ends_k, bias, scale=float(scaling or 0.0), causal=seen.right == 0,
                         window_left=seen.left, window_right=seen.right or -1)  # fmt: skip
    return y.view(batch, queries, heads, width), None


def _beyond(query, key, value, position_bias, dropout, kwargs):
    """Whether the kernels do not have it."""
    return (
        dropout
        or query.device.type != "cpu"
        or query.dtype not in _DTYPES
        or value.shape[-1] != query.shape[-1]
        or (position_bias is not None and key.shape[1] != query.shape[1])
        or any(kwargs.get(name) is not None for name in ("softcap", "s_aux", "cache"))
        or kwargs.get("output_attentions")
    )


def _as_written(module, query, key, value, attention_mask, given):
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    own = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    if own is None or not any(given.get(name) is not None for name in ("softcap", "s_aux")):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **given)
    if attention_mask is not None and attention_mask.dtype == torch.bool:
        attention_mask = _hidden(attention_mask, query.dtype, torch.finfo(query.dtype).min)
    return own(module, query, key, value, attention_mask, **given)


def _traced(query, key, value, attention_mask, scaling, causal, position_bias):
    """For the exporter, which recognises the mask."""
    if attention_mask is not None and position_bias is not None:
        attention_mask = _hidden(attention_mask, query.dtype) + position_bias
    elif position_bias is not None:
        attention_mask = position_bias
    y = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, is_causal=causal, scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )  # fmt: skip
    return y.transpose(1, 2)


def _even(batch, queries, keys):
    """Offsets of `batch` runs of one length; one tensor for both where they are equal."""
    ends = torch.arange(batch + 1) * queries
    return ends, ends if queries == keys else torch.arange(batch + 1) * keys


def _hidden(attention_mask, dtype, least=-math.inf):
    """A mask as numbers to add."""
    if attention_mask.dtype != torch.bool:
        return attention_mask.to(dtype)
    return torch.zeros((), dtype=dtype).masked_fill(~attention_mask, least)


def _bias(query, key, attention_mask, position_bias):
    """[B * Q, J, K] from masks and biases [B or 1, H or 1, Q or 1, K]; None for none."""
    parts = [] if position_bias is None else [position_bias.to(query.dtype)]
    if attention_mask is not None:
        parts.append(_hidden(attention_mask, query.dtype))
    if not parts:
        return None
    whole = sum(parts[1:], parts[0])
    batch, queries, keys = query.shape[0], query.shape[2], key.shape[2]
    whole = whole[..., :keys].expand(batch, -1, queries, keys)
    return whole.transpose(1, 2).reshape(batch * queries, -1, keys)


# Norms and rotary embeddings: taken over where a trial shows that they compute the same.


def _norms(model):
    undo = []
    for module in model.modules():
        forward = _norm_forward(module)
        if forward is not None:
            module.forward = types.MethodType(forward, module)
            undo.append(lambda module=module: module.__dict__.pop("forward"))
    return undo


def _epsilon(module):
    return getattr(module, "variance_epsilon", getattr(module, "eps", None))


def _runs_here(module, x):
    # float64: transformers computes in float32, as the model's numbers are then.
    return x.device.type == "cpu" and x.dtype == module.weight.dtype and x.dtype in (torch.float32, torch.bfloat16)


def _plain_norm(module, x):
    if not _runs_here(module, x):
        return type(module).forward(module, x)
    return ops.rms_norm(x, module.weight, _epsilon(module))


def _centred_norm(module, x):
    """Of weights that count from 1."""
    if not _runs_here(module, x):
        return type(module).forward(module, x)
    return ops.rms_norm(x, 1.0 + module.weight, _epsilon(module))


def _norm_forward(module):
    """The function that can stand for an RMS norm's forward, or None."""
    weight = getattr(module, "weight", None)
    ours = type(module).__module__.startswith("transformers.") and "forward" not in module.__dict__
    if not ours or not type(module).__name__.endswith(("RMSNorm", "T5LayerNorm")) or _epsilon(module) is None:
        return None
    if [n for n, _ in module.named_parameters()] != ["weight"] or weight.dim() != 1 or not _runs_here(module, weight):
        return None
    draw = torch.Generator().manual_seed(0)
    x, trial = (torch.rand(*s, generator=draw).to(weight.dtype) + 0.5 for s in ((3, len(weight)), weight.shape))
    kept = weight.data
    try:
        with torch.no_grad():
            weight.data = trial
            want = type(module).forward(module, x)
            for forward in (_plain_norm, _centred_norm):
                if torch.allclose(forward(module, x), want, rtol=8 * torch.finfo(x.dtype).eps, atol=0):
                    return forward
    finally:
        weight.data = kept
    return None


def _rotary(model):
    """Replaces `apply_rotary_pos_emb` in the modules that define the model's parts."""
    undo = []
    for name in sorted({type(m).__module__ for m in model.modules()}):
        module = sys.modules[name]
        old = getattr(module, "apply_rotary_pos_emb", None) if name.startswith("transformers.models.") else None
        if old is not None and old is not rotary and _turns_halves(old):
            module.apply_rotary_pos_emb = rotary
            undo.append(lambda module=module, old=old: setattr(module, "apply_rotary_pos_emb", old))
    return undo


def _turns_halves(function):
    draw = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 3, 5, 8, generator=draw), torch.randn(2, 1, 5, 8, generator=draw)
    angles = torch.randn(2, 5, 4, generator=draw).repeat(1, 1, 2)
    try:
        want = function(q, k, angles.cos(), angles.sin())
    except Exception:  # whatever another signature makes of these arguments
        return False
    got = rotary(q, k, angles.cos(), angles.sin())
    return len(want) == 2 and all(a.shape == b.shape and torch.allclose(a, b, atol=1e-5) for a, b in zip(got, want))


def rotary(q, k, cos, sin, unsqueeze_dim=1):
    """transformers' function: q [B, H, S, D], k [B, G, S, D] turned by cos and sin [B or 1, S, D], halves alike."""
    batch, length, half = q.shape[0], q.shape[2] if unsqueeze_dim == 1 else q.shape[1], cos.shape[-1] // 2
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    tables = [t[..., :half].to(wide).expand(batch, length, half).reshape(batch * length, half) for t in (cos, sin)]
    places = torch.arange(batch * length).view(batch, length)
    turned = []
    for x in (q, k):
        rows = x.transpose(1, 2) if unsqueeze_dim == 1 else x
        y = ops.rotary(rows, *tables, places)
        turned.append(y.transpose(1, 2) if unsqueeze_dim == 1 else y)
    return tuple(turned)
