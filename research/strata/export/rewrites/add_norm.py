"""A sum and the layer_norm, rms_norm or group_norm of it become add_layer_norm, add_rms_norm or add_group_norm, which
give the sum back, too: one pass over memory.

The answer stays: they round the sum, then normalise it as the norm does, in the same order.
"""

from .._plan import Step
from ._steps import Steps, binary

_NORMS = ("layer_norm", "rms_norm", "group_norm")


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        terms = binary(step, "add")
        norm = terms and next((s for s in steps.readers(step.outputs[0]) if _is_norm(s, step.outputs[0])), None)
        if norm is None:
            continue
        inputs = [*terms, *norm.inputs[1:]]
        fused = Step("add_" + norm.name, inputs, dict(norm.attrs), [norm.outputs[0], step.outputs[0]])
        # In the sum's place, since others may read it before the norm does.
        steps.replace(step, [fused], gone=[norm])
    return steps.list()


def _is_norm(step, value):
    constant = all(v is not None and v.constant for v in step.inputs[1:])
    return not step.view and step.name in _NORMS and step.inputs[0] is value and constant
