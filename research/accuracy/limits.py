"""How large our errors may be, in units of the last place. Ours is never the worse one, up to a stated bound: below it
two results are as good as each other."""

import torch

# float32 functions are polynomials of a few roundings; bfloat16 is computed in float32 and rounded once.
FUNCTION = {torch.float32: 1.5, torch.float64: 1.5, torch.bfloat16: 0.51}
# bfloat16 operators compute in float32 and round once, twice where their definition says so.
OPERATOR = {torch.float32: 6.0, torch.bfloat16: 1.5}
# Sums of many terms: the order of the terms decides, no order is best on all inputs, and ours is fixed by the numerics
# (docs/design/numerics.md), so that it is the same on every machine and in every batch. PyTorch adds a column or a dot
# product in more parts at a time, which rounds a little less.
ORDERED = {
    "add_layer_norm backward": 1.5,
    "add_rms_norm backward": 1.5,
    "group_norm backward": 1.5,
    "layer_norm backward": 1.5,
    "attention backward": 2.0,
    "linear": 1.5,
    "linear backward": 2.0,
    "linear_cross_entropy": 1.6,
    "linear_cross_entropy backward": 1.6,
    "reduce_outer": 2.5,
    "rms_norm backward": 1.5,
    "segment_pool": 2.0,
}
BY_CHANCE = 1.25  # what the largest errors of two orders of one sum differ by on a few thousand numbers
FUNCTIONS = frozenset(["exp", "log", "erf", "tanh", "sigmoid", "sin", "cos", "rsqrt"])


def too_large(name, dtype, mine, theirs):
    """True where our largest error is above the bound and above PyTorch's: so many times, for sums in a fixed order."""
    if name in FUNCTIONS:
        return mine[0] > max(FUNCTION[dtype], theirs[0])
    return mine[0] > max(OPERATOR[dtype], theirs[0] * ORDERED.get(name, BY_CHANCE))
