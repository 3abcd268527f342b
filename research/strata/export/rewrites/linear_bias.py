"""linear(x, weight) + a vector becomes linear's bias.

The answer stays in float32 and float64: linear adds its bias to the rounded sum. In narrower dtypes it adds before it
rounds, so there the steps are left as they are.
"""

import torch

from ._steps import Steps, changed, instruction
from .._plan import Value


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        if step.name != "linear" or step.view or step.inputs[2:] != [None, None, None] or _busy(step):
            continue
        made = step.outputs[0]
        reader = steps.only_reader(made)
        bias = reader and _bias(reader, made)
        if bias is not None:
            fused = changed(step, inputs=[*step.inputs[:2], bias, None, None], outputs=reader.outputs)
            steps.replace(step, [fused], gone=[reader])
    return steps.list()


def _busy(step):
    return step.attrs["activation"] != "none" or step.outputs[0].dtype not in (torch.float32, torch.float64)


def _bias(reader, made):
    """The constant vector that a step adds to every row, or None."""
    operation, operands = instruction(reader) or (None, [])
    if operation != "add" or len(operands) != 2 or reader.outputs[0].shape != made.shape:
        return None
    other = operands[1] if operands[0] is made else operands[0]
    vector = isinstance(other, Value) and other.constant and other.shape == made.shape[-1:]
    return other if vector and other.dtype == made.dtype else None
