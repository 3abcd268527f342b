"""Modules named as the operators they call. Parameters have the names, shapes and initial values of torch.nn's, so that
state dicts load both ways.

Sequences are ragged: the tokens of a batch lie end to end, [N, D], and `cu_seqlens` [B+1] holds the ends of the runs.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import Module, ModuleList, Parameter, Sequential

from .. import ops
from . import functional

__all__ = [
    "Add",
    "Attention",
    "CrossEntropyLoss",
    "Embedding",
    "GatedLinear",
    "Gelu",
    "GroupNorm",
    "L2Normalize",
    "LayerNorm",
    "Linear",
    "LogSoftmax",
    "LinearCrossEntropyLoss",
    "Module",
    "ModuleList",
    "Parameter",
    "RmsNorm",
    "Rotary",
    "SegmentPool",
    "Sequential",
    "Softmax",
    "functional",
]


class Linear(nn.Linear):
    """y [..., O] = x [..., K] @ weight [O, K].T + bias [O], and then `activation` (none|gelu|gelu_tanh|relu|silu), the
    product with `gate` and the sum with `residual`, which are [..., O]: one pass, and the bits of one step each."""

    def __init__(self, in_features, out_features, bias=True, activation="none", device=None, dtype=None):
        super().__init__(in_features, out_features, bias, device, dtype)
        self.activation = activation

    def forward(self, x: Tensor, residual: Tensor | None = None, gate: Tensor | None = None) -> Tensor:
        return ops.linear(x, self.weight, self.bias, gate, residual, self.activation)

    def extra_repr(self):
        return super().extra_repr() + f", activation={self.activation}"


class GatedLinear(nn.Module):
    """activation(gate(x)) * up(x), x [..., K] -> [..., O]: SwiGLU, with "gelu" GeGLU, the first half of Llama's MLP.
    Its gate_proj and up_proj are `gate` and `up` here."""

    def __init__(self, in_features, out_features, bias=False, activation="silu", device=None, dtype=None):
        super().__init__()
        self.gate = Linear(in_features, out_features, bias, activation, device, dtype)
        self.up = Linear(in_features, out_features, bias, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(x, gate=self.gate(x))


class Embedding(nn.Embedding):
    """ids [...] (int32 or int64, in [0, V)) -> [..., D] from weight [V, D]."""

    def forward(self, ids: Tensor) -> Tensor:
        return ops.embedding(self.weight, ids)


class LayerNorm(nn.LayerNorm):
    """Normalises the last dim of x [..., D] to mean 0 and variance 1, then weight [D] and bias [D]."""

    def __init__(self, width, eps=1e-5, device=None, dtype=None):
        super().__init__(width, eps, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return ops.layer_norm(x, self.weight, self.bias, self.eps)


class RmsNorm(nn.Module):
    """x [..., D] / sqrt(mean(x^2) + eps) * weight [D]."""

    def __init__(self, width, eps=1e-6, device=None, dtype=None):
        super().__init__()
        self.eps = eps
        self.weight = Parameter(torch.ones(width, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return ops.rms_norm(x, self.weight, self.eps)

    def extra_repr(self):
        return f"{self.weight.shape[0]}, eps={self.eps}"


class GroupNorm(nn.GroupNorm):
    """Normalises groups of neighbouring channels of x [N, C, ...], then weight [C] and bias [C], and silu if asked."""

    def __init__(self, groups, channels, eps=1e-5, activation="none", device=None, dtype=None):
        super().__init__(groups, channels, eps, device=device, dtype=dtype)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        places = x.flatten(2) if x.dim() > 2 else x.unsqueeze(2)
        y = ops.group_norm(places, self.weight, self.bias, self.num_groups, self.eps, self.activation)
        return y.view(x.shape)


class Gelu(nn.Module):
    """0.5 * x * (1 + erf(x / sqrt(2))), or its tanh form."""

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        return ops.gelu(x, self.approximate)


class Softmax(nn.Module):
    """Over the last dim of x [..., D]."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.softmax(x)


class LogSoftmax(nn.Module):
    """Over the last dim of x [..., D]."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.log_softmax(x)


class Add(nn.Module):
    """x + y, of one shape."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return ops.add(x, y)


class Attention(nn.Module):
    """Multi-head self-attention within each run of a ragged batch: x [N, D], cu_seqlens [B+1] -> [N, D]."""

    def __init__(self, width, heads, causal=False):
        super().__init__()
        if width % heads:
            raise ValueError(f"Attention: width {width} is no multiple of heads {heads}")
        self.heads, self.causal = heads, causal
        self.query, self.key, self.value, self.output = (Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        heads = (x.shape[0], self.heads, x.shape[1] // self.heads)
        q, k, v = (project(x).view(heads) for project in (self.query, self.key, self.value))
        mixed, _ = ops.attention(q, k, v, cu_seqlens, cu_seqlens, None, 1 / math.sqrt(heads[2]), self.causal)
        return self.output(mixed.view(x.shape))


class Rotary(nn.Module):
    """Rotary position embedding of x [..., H, D] for `positions` [...], which are below `length`.

    The first `width` elements of every head turn (all D where `width` is D), in pairs: "half" puts element i beside
    i + width / 2, as Llama does, "interleaved" beside its neighbour, as GPT-J does. The tables of angles are no
    parameters; they stay float32 when the module becomes bfloat16.
    """

    def __init__(self, width, length, theta=10000.0, pairs="half"):
        super().__init__()
        if width % 2:
            raise ValueError(f"Rotary: width {width} is odd")
        self.width, self.length, self.theta, self.pairs = width, length, theta, pairs
        self.register_buffer("cos", torch.empty(0), persistent=False)
        self.register_buffer("sin", torch.empty(0), persistent=False)
        self._make_tables()

    def _make_tables(self):
        # In float64, so that far positions are exact; only then rounded.
        dtype = torch.float64 if self.cos.dtype == torch.float64 else torch.float32
        rates = self.theta ** (-torch.arange(0, self.width, 2, dtype=torch.float64) / self.width)
        turns = torch.arange(self.length, dtype=torch.float64)[:, None] * rates
        self.cos, self.sin = (t.to(self.cos.device, dtype) for t in (turns.cos(), turns.sin()))

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        self._make_tables()
        return self

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        return ops.rotary(x, self.cos, self.sin, positions, self.pairs)

    def extra_repr(self):
        return f"{self.width}, length={self.length}, theta={self.theta}, pairs={self.pairs}"


class SegmentPool(nn.Module):
    """x [N, D], cu_seqlens [B+1] -> [B, D]: the mean, sum, max or first row of every run; zeros for an empty one."""

    def __init__(self, mode="mean"):
        super().__init__()
        self.mode = mode

    def forward(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        return ops.segment_pool(x, cu_seqlens, self.mode)


class L2Normalize(nn.Module):
    """x [..., D] / max(|x|, eps)."""

    def __init__(self, eps=1e-12):
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return ops.l2_normalize(x, self.eps)


class CrossEntropyLoss(nn.Module):
    """logits [N, C], target [N] (in [0, C), or ignore_index) -> the mean of -log softmax(logits)[target], a scalar.

    `reduction`: "mean" over the rows that are not ignored, "sum", or "none": [N]. The order of the sum is fixed."""

    def __init__(self, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction is {reduction!r}, wanted mean, sum or none")
        self.ignore_index, self.reduction, self.label_smoothing = ignore_index, reduction, label_smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        loss, _ = ops.cross_entropy(logits, target, self.ignore_index, self.label_smoothing)
        if self.reduction == "none":
            return loss
        total = ops.reduce(loss, "sum")
        return total if self.reduction == "sum" else total / (target != self.ignore_index).sum()


class LinearCrossEntropyLoss(nn.Module):
    """x [N, K], weight [V, K], target [N], bias [V] -> the bits of CrossEntropyLoss of linear(x, weight, bias), in a
    fraction of the memory: the logits exist for some rows at a time. Its forward makes the gradients where one is asked
    for."""

    def __init__(self, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__()
        if reduction not in ("mean", "sum"):
            raise ValueError(f"reduction is {reduction!r}, wanted mean or sum")
        self.ignore_index, self.reduction, self.label_smoothing = ignore_index, reduction, label_smoothing

    def forward(self, x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None = None) -> Tensor:
        trained = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias))
        return ops.linear_cross_entropy(
            x, weight, target, bias, self.ignore_index, self.label_smoothing, self.reduction, int(trained)
        )[0]
