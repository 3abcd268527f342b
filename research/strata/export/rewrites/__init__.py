"""Rules that make a plan smaller: one file each, applied in this order; each says why the answer stays.

A rule that changes bits says so (`CHANGES_BITS = True`) and is off until it is asked for: `rewrites=["name"]` of
strata.export, or `--rewrites` of the command line.
"""

from .._errors import ExportError
from .._plan import live
from . import (
    activations,
    add_norm,
    broadcast_operands,
    common_steps,
    constant_views,
    fold_batch_norm,
    gates,
    gelu_tanh,
    identities,
    linear_bias,
    masks,
    merged_linear,
    pointwise_chains,
    residuals,
    rms_norm,
    row_shapes,
    split_gates,
    views,
)

RULES = [
    common_steps,
    views,
    constant_views,
    masks,
    row_shapes,
    broadcast_operands,
    identities,
    rms_norm,
    fold_batch_norm,
    linear_bias,
    split_gates,
    # batch_norm's residual comes ahead of its activation, linear's behind it.
    activations,
    gates,
    residuals,
    activations,
    add_norm,
    merged_linear,
    views,
    pointwise_chains,
    identities,
    gelu_tanh,
    activations,
]


def name(rule):
    return rule.__name__.rsplit(".", 1)[-1]


def choose(wanted=()):
    """The rules that are on. `wanted`: names to switch on; "-name" switches one off, "none" all of them, "fast" all on,
    those that change bits included; from left to right.

    Raises ExportError for a name that no rule has.
    """
    every = {name(rule): rule for rule in RULES}
    on = {name for name, rule in every.items() if not getattr(rule, "CHANGES_BITS", False)}
    for word in [wanted] if isinstance(wanted, str) else wanted:
        if word in ("none", "fast"):
            on = set(every) if word == "fast" else set()
        elif word.removeprefix("-") not in every:
            raise ExportError(f"there is no rewrite {word!r}; there are: {', '.join(every)}, and none, fast")
        elif word.startswith("-"):
            on.discard(word[1:])
        else:
            on.add(word)
    return [rule for rule in RULES if name(rule) in on]


def rewrite(build, outputs, wanted=(), see=None):
    """The builder's steps after every rule that is on (`choose`); `outputs` are the values that must stay.

    A rule is `apply(steps, outputs, build)`, which gives the new steps. see("lowered", steps) is called at the start,
    see(name, steps) after each rule.
    """
    steps, see = live(build.steps, outputs), see or (lambda name, steps: None)
    see("lowered", steps)
    for rule in choose(wanted):
        steps = rule.apply(steps, outputs, build)
        see(name(rule), steps)
    return steps
