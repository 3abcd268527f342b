"""x * rsqrt(mean(x^2) + eps) * weight, written element by element, becomes the operator rms_norm.

It changes bits, so it is off by default: the operator squares and adds in one rounding.
"""

import torch

from .._plan import Step, Value
from ._steps import Steps, instruction, same_kind

CHANGES_BITS = True


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        found = _scaled(steps, step)
        if found is not None:
            x, weight, eps = found
            steps.replace(step, [Step("rms_norm", [x, weight], {"eps": eps}, list(step.outputs))])
    return steps.list()


def _scaled(steps, step):
    """(x, weight, eps) of a step that multiplies a normalised x with a constant vector; None for any other."""
    operation, operands = instruction(step) or (None, [])
    if operation != "mul" or step.outputs[0].dtype not in (torch.float32, torch.float64):
        return None
    if not all(isinstance(v, Value) for v in operands):
        return None
    for normed, weight in (operands, operands[::-1]):
        vector = weight.constant and weight.shape == step.outputs[0].shape[-1:]
        found = _normed(steps, normed) if vector and same_kind(normed, step.outputs[0]) else None
        if found is not None:
            return found[0], weight, found[1]
    return None


def _normed(steps, value):
    """(x, eps) of x * rsqrt(mean(x^2) + eps), or None."""
    operation, operands = instruction(steps.maker(value)) or (None, [])
    if operation != "mul" or not all(isinstance(v, Value) for v in operands):
        return None
    for x, factor in (operands, operands[::-1]):
        operation, inner = instruction(steps.maker(_below(steps, factor))) or (None, [])
        if operation != "rsqrt" or not same_kind(x, value):
            continue
        operation, terms = instruction(steps.maker(_below(steps, inner[0]))) or (None, [])
        if operation == "add" and isinstance(terms[0], Value) and isinstance(terms[1], str):
            if _is_mean_square(steps, _below(steps, terms[0]), x):
                return x, float(terms[1])
    return None


def _is_mean_square(steps, value, x):
    """Whether a value is the mean of x's squares over its last dim."""
    mean = steps.maker(value, "reduce")
    if mean is None or mean.attrs["operation"] != "mean" or mean.inputs[0].shape != x.shape:
        return False
    operation, operands = instruction(steps.maker(mean.inputs[0])) or (None, [])
    return (operation == "mul" and operands == [x, x]) or (operation == "pow" and operands == [x, "2"])


def _below(steps, value):
    """What a value looks at, through reshapes and broadcasts: one number for each row either way."""
    while (view := steps.view_of(value, "reshape", "broadcast")) is not None:
        value = view.inputs[0]
    return value
