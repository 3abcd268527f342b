"""Masks of positions become attention's flags, bit for bit; whatever only looks like one stays a bias."""

import math

import pytest
import torch
from torch.export import Dim

from strata.export import _lower
from strata.runtime import Plan

HEADS, WIDTH = 2, 8


class Attends(torch.nn.Module):
    """Self-attention of x [B, S, 16] under a mask that a function makes of (rows, columns, mask [B, S], x)."""

    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def forward(self, x, mask):
        b, s, _ = x.shape
        heads = x.view(b, s, HEADS, WIDTH).transpose(1, 2)
        at = torch.arange(s)
        seen = self.mask(at[:, None], at[None, :], mask, x)
        y = torch.nn.functional.scaled_dot_product_attention(heads, heads * 0.5, heads + 1, attn_mask=seen)
        return y.transpose(1, 2).reshape(b, s, -1)


def inputs(batch, length):
    made = torch.Generator().manual_seed(batch * 100 + length)
    lengths = torch.tensor([length, max(1, length - 3), max(1, length // 2)])[:batch]
    return {"x": torch.randn(batch, length, HEADS * WIDTH, generator=made),
            "mask": (torch.arange(length) < lengths[:, None]).long()}  # fmt: skip


def traced(mask):
    b, s = Dim("B", max=64), Dim("S", max=400)
    shapes = {n: {0: b, 1: s} for n in ("x", "mask")}
    return _lower.trace(Attends(mask).eval(), (), inputs(3, 9), shapes), shapes


def operators(plan):
    return [s for s in plan.entry["steps"] if "op" in s]


def attention(plan):
    """(causal, window_left, window_right, whether there is a bias)."""
    (step,) = [s for s in operators(plan) if s["op"] == "attention"]
    return (*(step["attrs"][n] for n in ("causal", "window_left", "window_right")), step["inputs"][5] is not None)


def both(mask):
    """The plan with the rule, and without."""
    program = traced(mask)
    return [Plan(*_lower.lower(*program, rewrites=rules)) for rules in ((), "-masks")]


def padded(i, j, mask, _):
    return (j <= i)[None, None] & mask.bool()[:, None, None, :]


def looked_up(i, j, mask, _):
    """As transformers makes it: the padding is looked up by place."""
    batch = torch.arange(mask.shape[0])[:, None, None, None]
    return (j <= i)[None, None] & (j > i - 4) & mask.bool()[batch, j[None, None]]


def additive(i, j, mask, _):
    causal = torch.where(j <= i, 0.0, torch.finfo(torch.float32).min)
    return causal + (1.0 - (mask[:, None, None, :] != 0).float()) * torch.finfo(torch.float32).min


MASKS = {
    "causal": (lambda i, j, mask, x: j <= i, (True, -1, -1, False)),
    "causal, turned round": (lambda i, j, mask, x: ~(i - j < 0), (True, -1, -1, False)),
    "window": (lambda i, j, mask, x: (j <= i) & (j > i - 4), (True, 3, -1, False)),
    "both sides": (lambda i, j, mask, x: (i - j).abs() <= 2, (False, 2, 2, False)),
    "everything": (lambda i, j, mask, x: (i >= 0) & (j >= 0), (False, -1, -1, False)),
    "lower triangle": (lambda i, j, mask, x: torch.ones(i.shape[0], i.shape[0], dtype=torch.bool).tril(),
                       (True, -1, -1, False)),
    "as numbers": (lambda i, j, mask, x: torch.where(j > i, -math.inf, 0.0), (True, -1, -1, False)),
    "causal and padding": (padded, (True, -1, -1, True)),
    "what is no padding": (lambda i, j, mask, x: (j <= i) & ~(mask == 0)[:, None, None, :], (True, -1, -1, True)),
    "padding looked up": (looked_up, (True, 3, -1, True)),
    "added numbers": (additive, (True, -1, -1, True)),
    "slopes behind a causal mask": (lambda i, j, mask, x: torch.where(j <= i, (j - i) * 0.25, -math.inf),
                                    (True, -1, -1, True)),
}  # fmt: skip

NEAR = {
    "not itself": lambda i, j, mask, x: (j < i) | (j == 0),
    "strictly behind": lambda i, j, mask, x: j < i,
    "a prefix is seen": lambda i, j, mask, x: (j <= i) | (j < 3),
    "chunks": lambda i, j, mask, x: i // 4 == j // 4,
    "data": lambda i, j, mask, x: (x[:, None, :, :1] <= x[:, None, :, :1].transpose(2, 3)),
    "padding of queries": lambda i, j, mask, x: mask.bool()[:, None, :, None] | (j == 0),
    "weak": lambda i, j, mask, x: torch.where(j <= i, 0.0, -1e4),
    "stretched": lambda i, j, mask, x: j <= 2 * i,
    "padding alone": lambda i, j, mask, x: mask.bool()[:, None, None, :].expand(-1, 1, x.shape[1], -1),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_of_positions_becomes_flags_with_the_same_bits(name):
    mask, wanted = MASKS[name]
    with_rule, without = both(mask)
    assert attention(with_rule) == wanted and attention(without)[3]
    if not wanted[3]:  # no mask arithmetic is left
        assert not any(s["op"] == "pointwise" and "bool" in s["attrs"]["program"] for s in operators(with_rule))
    for batch, length in ((3, 9), (1, 1), (2, 2), (2, 300)):
        given = inputs(batch, length)
        assert torch.equal(with_rule(**given)["output"], without(**given)["output"])


@pytest.mark.parametrize("name", NEAR)
def test_what_only_looks_like_one_stays_a_bias(name):
    with_rule, without = both(NEAR[name])
    assert attention(with_rule) == (False, -1, -1, True)
    assert torch.equal(with_rule(**inputs(3, 9))["output"], without(**inputs(3, 9))["output"])


def test_a_mask_of_other_lengths_stays(monkeypatch):
    """The first query is level with the first key in the mask, the last with the last in attention."""

    class Cross(torch.nn.Module):
        def forward(self, x, y):
            q, k = x[:, None], y[:, None]
            seen = torch.arange(y.shape[1]) <= torch.arange(x.shape[1])[:, None]
            return torch.nn.functional.scaled_dot_product_attention(q, k, k, attn_mask=seen)

    b, s, t = Dim("B", max=64), Dim("S", max=64), Dim("T", max=64)
    shapes = {"x": {0: b, 1: s}, "y": {0: b, 1: t}}
    given = {"x": torch.randn(2, 5, 8), "y": torch.randn(2, 7, 8)}
    entry, _ = _lower.lower(_lower.trace(Cross(), (), given, shapes), shapes)
    assert attention(Plan(entry, {})) == (False, -1, -1, True)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-q"]))
