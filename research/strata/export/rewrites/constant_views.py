"""A reshape of a weight that nobody else reads is done now: the weight is stored in its new shape.

The answer stays: no element moves.
"""

from .._plan import Value
from ._steps import Steps


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        if not step.view or step.name != "reshape":
            continue
        weight, made = step.inputs[0], step.outputs[0]
        fixed = all(isinstance(size, int) for size in made.shape)
        if weight.constant and fixed and steps.only_reader(weight) is step and made not in steps.outputs:
            tensor = weight.tensor.view(made.shape)
            steps.redirect(made, Value(weight.name, made.dtype, list(made.shape), tensor))
    return steps.list()
