"""Rewrites that change bits: off until they are asked for, no farther from the truth than what they replace, and what
only looks alike is left alone."""

import functools
import math

import pytest
import torch
from torch.export import Dim
from torch.nn import functional as F

from strata.export import _lower
from strata.export._report import difference
from strata.export.rewrites import RULES, choose, name
from strata.runtime import Plan


class Wrapped(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


@functools.cache  # made while the function runs by itself: a trace would hold the making of it
def constant(*shape, seed=7):
    return noise(*shape, seed=seed)


def weight(x, *shape, seed=7):
    return constant(*shape, seed=seed).to(x.dtype)


def plans(function, shape, rules):
    """(plan without rewrites, with the usual ones, with `rules` beside them)."""
    dims = {"x": {0: Dim("B", min=1, max=64)}}
    function(noise(3, *shape))
    program = _lower.trace(Wrapped(function), (), {"x": noise(3, *shape)}, dims)
    return [Plan(*_lower.lower(program, dims, rewrites=on)) for on in (["none"], [], rules)]


def names(plan):
    return [step["op"] for step in plan.entry["steps"] if "op" in step]


def bn(x, channels=4, seed=7):
    values = [weight(x, channels, seed=seed + at) for at in range(4)]
    return F.batch_norm(x, values[0], values[1].abs() + 0.1, values[2], values[3])


def rms(x, eps=1e-6, scale=True):
    y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
    return weight(x, 6) * y if scale else y


def gelu(x):
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


def conv(x, **options):
    return F.conv2d(x, weight(x, 4, 4 // options.get("groups", 1), 3, 3), **options)


CASES = {
    "convolution and norm": (
        ["fold_batch_norm"],
        lambda x: F.relu(bn(conv(x, padding=1))),
        (4, 5, 5),
        ["convolution"],
    ),
    "with a bias, in groups": (
        ["fold_batch_norm"],
        lambda x: bn(conv(x, bias=weight(x, 4), groups=2)),
        (4, 5, 5),
        ["convolution"],
    ),
    "a layer and norm": (
        ["fold_batch_norm"],
        lambda x: bn(F.linear(x, weight(x, 4, 6), weight(x, 4))),
        (6,),
        ["linear"],
    ),
    "rms_norm": (["rms_norm"], lambda x: rms(x), (4, 6), ["rms_norm"]),
    "gelu": (
        ["gelu_tanh"],
        lambda x: gelu(F.linear(x, weight(x, 6, 6))),
        (4, 6),
        ["linear"],
    ),
}

NEAR_MISSES = {
    "a norm of what others read": (["fold_batch_norm"], lambda x: (lambda y: (bn(y), y.sum(1)))(conv(x)), (4, 5, 5)),
    "a norm ahead of the convolution": (["fold_batch_norm"], lambda x: conv(bn(x)), (4, 5, 5)),
    "a norm behind an activation": (["fold_batch_norm"], lambda x: bn(F.relu(conv(x))), (4, 5, 5)),
    "another dim's channels": (
        ["fold_batch_norm"],
        lambda x: bn(F.linear(x, weight(x, 4, 4))),
        (4, 4),
    ),
    "rms_norm without a weight": (["rms_norm"], lambda x: rms(x, scale=False), (4, 6)),
    "the mean of cubes": (
        ["rms_norm"],
        lambda x: weight(x, 6) * (x * torch.rsqrt(x.pow(3).abs().mean(-1, keepdim=True) + 1e-6)),
        (4, 6),
    ),
    "another's mean": (
        ["rms_norm"],
        lambda x: weight(x, 6) * (x * torch.rsqrt((x + 1).pow(2).mean(-1, keepdim=True) + 1e-6)),
        (4, 6),
    ),
    "another constant": (
        ["gelu_tanh"],
        lambda x: 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.044715 * x * x * x))),
        (4, 6),
    ),
    "another argument": (
        ["gelu_tanh"],
        lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x.abs()))),
        (4, 6),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_off_until_it_is_asked_for_and_no_farther_from_the_truth(case):
    rules, function, shape, want = CASES[case]
    plain, usual, fast = plans(function, shape, rules)
    assert names(usual) != want and names(fast) == want
    assert names(plans(function, shape, ["fast"])[2]) == want
    for batch in (1, 6):
        x = noise(batch, *shape, seed=3)
        truth = function(x.double())
        errors = [float((plan(x=x)["output"].double() - truth).abs().max()) for plan in (plain, fast)]
        assert errors[1] <= 2 * errors[0] + 2e-7 * float(truth.abs().max())
        assert difference(fast(x=x)["output"], plain(x=x)["output"]) < 8


@pytest.mark.parametrize("case", NEAR_MISSES)
def test_what_looks_alike_is_left_alone(case):
    rules, function, shape = NEAR_MISSES[case]
    _, usual, fast = plans(function, shape, rules)
    assert names(usual) == names(fast)


def test_rules_that_change_bits_are_off():
    on = set(map(name, choose()))
    assert {"fold_batch_norm", "rms_norm", "gelu_tanh"} == set(map(name, RULES)) - on
