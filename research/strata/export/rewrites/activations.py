"""An activation goes into the operator in front of it, where that one's schema has it: gelu, relu or silu into linear,
relu into batch_norm, silu into group_norm.

The answer stays: such an operator rounds its result before the activation, as a step of its own would
(docs/design/numerics.md), and both take the activation from one function.
"""

from ... import ops
from ._steps import Steps, changed, instruction

_WORDS = {"silu": "silu", "gelu": "gelu", "gelu_tanh": "gelu_tanh"}


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        if step.view or not _takes_one(step):
            continue
        made = step.outputs[0]
        reader = steps.only_reader(made)
        word = reader and _word(reader)
        if word in _choices(step) and reader.outputs[0].dtype == made.dtype and reader.outputs[0].shape == made.shape:
            fused = changed(step, attrs={"activation": word}, outputs=[reader.outputs[0], *step.outputs[1:]])
            steps.replace(step, [fused], gone=[reader])
    return steps.list()


def _choices(step):
    return next((a.choices for a in ops.schemas[step.name].attrs if a.name == "activation"), ())


def _takes_one(step):
    if step.attrs.get("activation") != "none":
        return False
    # linear's gate and residual come after its activation; batch_norm's residual comes before.
    return step.name != "linear" or step.inputs[3] is None and step.inputs[4] is None


def _word(step):
    """The activation that a step is, or None."""
    if step.name == "gelu" and not step.view:
        return "gelu"
    found = instruction(step)
    if found is None:
        return None
    operation, operands = found
    if operation == "max" and operands[1:] == ["0"]:
        return "relu"
    return _WORDS.get(operation) if len(operands) == 1 else None
