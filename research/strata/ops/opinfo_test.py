"""PyTorch's own samples (OpInfo) through our operators: values and gradients in float64, against PyTorch's.

`CASES` says for every operator of PyTorch's that has a counterpart how a sample's arguments become ours. What the
definition of ours excludes is left out with the reason that is given there, and counted.
"""

import collections
import sys
import types
import unittest

import pytest
import torch

from strata import ops, reductions

# PyTorch's test tools import it for a base class that nothing here uses.
sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=unittest.TestCase))
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

CASES = {}  # PyTorch's name: a function (sample.input, *args, **kwargs) -> our result, or Excluded is raised


class Excluded(Exception):
    """The reason for which a sample is no call of ours."""


def only(condition, reason):
    if not condition:
        raise Excluded(reason)


def case(*names):
    def add(function):
        CASES.update((name, function) for name in names)
        return function

    return add


def rows(x, dim, function):
    """`function` along the last dim, applied along `dim`."""
    if x.dim() == 0:
        return function(x.reshape(1)).reshape(())
    return function(x.movedim(dim, -1)).movedim(-1, dim)


@case("softmax", "log_softmax")
def _softmax(x, dim, dtype=None, name=""):
    only(dtype is None, "no cast of its own")
    return rows(x, dim, getattr(ops, name))


@case("nn.functional.layer_norm")
def _layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    width = x.new_ones(shape).numel()
    weight = x.new_ones(width) if weight is None else weight.reshape(width)
    bias = x.new_zeros(width) if bias is None else bias.reshape(width)
    return ops.layer_norm(x.reshape(*x.shape[:x.dim() - len(shape)], width), weight, bias, eps).reshape(x.shape)


@case("nn.functional.rms_norm")
def _rms_norm(x, shape, weight=None, eps=None):
    width = x.new_ones(shape).numel()
    weight = x.new_ones(width) if weight is None else weight.reshape(width)
    eps = torch.finfo(x.dtype).eps if eps is None else eps
    return ops.rms_norm(x.reshape(*x.shape[:x.dim() - len(shape)], width), weight, eps).reshape(x.shape)


def channels(x, weight, bias):
    """x as [N, C, S], and a weight and a bias in any case."""
    count = x.shape[1]
    weight = x.new_ones(count) if weight is None else weight
    return x.reshape(x.shape[0], count, -1 if x.numel() else 0), weight, x.new_zeros(count) if bias is None else bias


@case("nn.functional.group_norm")
def _group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    return ops.group_norm(*channels(x, weight, bias), groups, eps=eps).reshape(x.shape)


@case("nn.functional.batch_norm")
def _batch_norm(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    only(not training, "inference alone")
    only(x.dim() > 1, "channels are the second dim")
    flat, weight, bias = channels(x, weight, bias)
    return ops.batch_norm(flat, mean, var, weight, bias, eps=eps).reshape(x.shape)


@case("nn.functional.gelu")
def _gelu(x, approximate="none"):
    return ops.gelu(x, approximate)


@case("nn.functional.embedding")
def _embedding(weight, ids, padding_idx=None, max_norm=None, scale_grad_by_freq=False, sparse=False, **_):
    only(padding_idx is None, "no row without gradient")
    only(max_norm is None, "never changes the table")
    only(not scale_grad_by_freq, "no gradient by frequency")
    only(not sparse, "no sparse gradient")
    return ops.embedding(weight, ids)


@case("nn.functional.linear")
def _linear(x, weight, bias=None):
    only(weight.dim() == 2, "a weight has two dims")
    return ops.linear(x, weight, bias)


@case("matmul", "bmm")
def _matmul(a, b, **_):
    left, right = (a[None] if a.dim() == 1 else a), (b[:, None] if b.dim() == 1 else b)
    batch = torch.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    y = ops.matmul(left.expand(*batch, *left.shape[-2:]), right.expand(*batch, *right.shape[-2:]))
    y = y.squeeze(-1) if b.dim() == 1 else y
    return y if a.dim() > 1 else y.squeeze(-1 if b.dim() == 1 else -2)


@case("nn.functional.cross_entropy")
def _cross_entropy(x, target, weight=None, reduction="mean", ignore_index=-100, label_smoothing=0.0):
    only(weight is None, "no weights of classes")
    only(not target.is_floating_point(), "targets are classes")
    logits = x if x.dim() < 2 else x.movedim(1, -1)
    loss = ops.cross_entropy(logits.reshape(-1, logits.shape[-1]), target.reshape(-1), ignore_index=ignore_index,
                             label_smoothing=label_smoothing)
    loss = loss[0] if isinstance(loss, tuple) else loss
    if reduction == "none":
        return loss.reshape(target.shape)
    return loss.sum() / ((target != ignore_index).sum() if reduction == "mean" else 1)


@case("nn.functional.scaled_dot_product_attention")
def _attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    only(dropout_p == 0, "no dropout")
    only(not (is_causal and q.shape[-2] != k.shape[-2]), "the last query is level with the last key")
    only(q.shape[-1] == v.shape[-1], "values are as wide as keys")
    only(not enable_gqa, "PyTorch's grouped heads are of its GPU kernels")
    lead = torch.broadcast_shapes(*(t.shape[:-2] for t in (q, k, v)))
    heads = lead[-1] if len(lead) > 1 else 1
    split = [t.expand(*lead, *t.shape[-2:]).reshape(-1, heads, *t.shape[-2:]) for t in (q, k, v)]
    flat = [t.transpose(1, 2).reshape(-1, heads, t.shape[-1]) for t in split]
    (batch, _, length, width), keys = split[0].shape, k.shape[-2]
    bias = None
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            attn_mask = torch.zeros_like(attn_mask, dtype=q.dtype).masked_fill(~attn_mask, float("-inf"))
        wide = attn_mask.expand(*lead, length, keys).reshape(batch, heads, length, keys)
        bias = wide.transpose(1, 2).reshape(-1, heads, keys)
    offsets = [torch.arange(batch + 1) * n for n in (length, keys)]
    y = ops.attention(*flat, *offsets, bias, scale=scale or 0.0, causal=is_causal)[0]
    return y.reshape(batch, length, heads, width).transpose(1, 2).reshape(*lead, length, width)


@case("argmax")
def _argmax(x, dim=None, keepdim=False):
    only(x.numel() > 0, "a row has an element")
    index = ops.argmax(x.reshape(-1) if dim is None or x.dim() == 0 else x.movedim(dim, -1))
    if dim is None or x.dim() == 0:
        return index.reshape([1] * x.dim() if keepdim else [])
    return index.unsqueeze(dim) if keepdim else index


@case("topk")
def _top_k(x, k, dim=-1, largest=True, sorted=True):  # noqa: A002
    only(x.dim() > 0, "a row is a dim")
    values, _ = ops.top_k(x.movedim(dim, -1), k, smallest=not largest)
    return values.movedim(-1, dim)  # which of equal elements is chosen is open in PyTorch


@case("sum", "mean", "amax", "amin")
def _reduce(x, dim=None, keepdim=False, dtype=None, name=""):
    only(dtype is None, "no cast of its own")
    only(x.dim() > 0, "a row is a dim")
    only(name in ("sum", "mean") or x.numel() > 0, "an extreme of nothing is infinite")
    return getattr(reductions, name)(x, None if dim == () else dim, keepdim=keepdim)


@case("var", "std")
def _variance(x, dim=None, unbiased=None, correction=None, keepdim=False, name=""):
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    correction = correction if correction is not None else 1 if unbiased in (None, True) else 0
    only(isinstance(correction, int), "a correction is a whole number")
    only(x.dim() > 0, "a row is a dim")
    return getattr(reductions, name)(x, None if dim == () else dim, correction, keepdim)


@case("cat")
def _concat(xs, dim=0):
    only(len({x.dtype for x in xs}) == 1, "one dtype")
    only(len({x.dim() for x in xs}) == 1, "as many dims each")
    return ops.concat(list(xs), dim)


UNARY = ("exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "tanh", "erf", "sigmoid", "abs", "neg", "floor",
         "ceil", "trunc", "reciprocal", "sign")


@case(*UNARY)
def _unary(x, name=""):
    dtype = str(x.dtype).removeprefix("torch.")
    return ops.pointwise([x], f"{dtype} x0; v0 = {name}(x0); return v0")[0]


@case("add", "sub", "mul", "div", "pow", "maximum", "minimum")
def _binary(x, other, alpha=1, rounding_mode=None, name=""):
    only(isinstance(other, torch.Tensor) and other.dtype == x.dtype, "two tensors of one dtype")
    only(alpha == 1 and rounding_mode is None, "no other operation beside it")
    word = {"maximum": "max", "minimum": "min"}.get(name, name)
    dtype = str(x.dtype).removeprefix("torch.")
    return ops.pointwise([x, other], f"{dtype} x0, {dtype} x1; v0 = {word}(x0, x1); return v0")[0]


def leaves_of(sample):
    found = [sample.input] if isinstance(sample.input, torch.Tensor) else list(sample.input)
    found += [a for a in (*sample.args, *sample.kwargs.values()) if isinstance(a, torch.Tensor)]
    return [a for a in found if a.is_floating_point() and a.requires_grad]


def gradients(result, leaves):
    """Of a random sum of the result."""
    if not leaves or not result.requires_grad:
        return []
    weights = torch.randn(result.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    return torch.autograd.grad((result * weights).sum(), leaves, allow_unused=True, materialize_grads=True)


def run(info, sample):
    """Compares; raises Excluded where ours is not defined."""
    function = CASES[info.name]
    named = {"name": info.name} if "name" in function.__code__.co_varnames else {}
    ours = function(sample.input, *sample.args, **sample.kwargs, **named)
    theirs = info.op(sample.input, *sample.args, **sample.kwargs)
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-11)
    leaves = leaves_of(sample)
    for got, want in zip(gradients(ours, leaves), gradients(theirs, leaves), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-10)


def infos(name):
    return [info for info in op_db if info.name == name]


@pytest.mark.parametrize("name", CASES)
def test_agrees_on_pytorchs_own_samples(name):
    torch.manual_seed(1)
    ran, excluded = 0, collections.Counter()
    for info in infos(name):
        for sample in info.sample_inputs("cpu", torch.float64, requires_grad=info.supports_autograd):
            try:
                run(info, sample)
                ran += 1
            except Excluded as reason:
                excluded[str(reason)] += 1
    print(f"{name}: {ran} samples, left out: {dict(excluded)}")
    assert ran > 0
