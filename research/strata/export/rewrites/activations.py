"""An activation goes into the operator in front of it, where that one's schema has it: gelu, relu or silu into linear,
relu into batch_norm, silu into group_norm. A reshape between the two goes behind both.

The answer stays: such an operator rounds its result before the activation, as a step of its own would
(docs/design/numerics.md), and both take the activation from one function.
"""

from ... import ops
from .._plan import Value
from ._steps import Steps, changed, instruction, same_kind

_WORDS = {"silu": "silu", "gelu": "gelu", "gelu_tanh": "gelu_tanh"}


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for reader in steps:
        word, value = _word(reader)
        step, reshape = steps.source(value, reader) if word else (None, None)
        if step is None or not _takes(step, word) or not same_kind(value, reader.outputs[0]):
            continue
        # In the operator's place, since others may read its other outputs before the activation runs.
        if reshape is None:
            fused = changed(step, attrs={"activation": word}, outputs=[reader.outputs[0], *step.outputs[1:]])
            steps.replace(step, [fused], gone=[reader])
        else:
            before = step.outputs[0]
            made = Value(f"{before.name}.{word}", before.dtype, before.shape)
            fused = changed(step, attrs={"activation": word}, outputs=[made, *step.outputs[1:]])
            steps.replace(step, [fused])
            steps.replace(reader, [changed(reshape, inputs=[made], outputs=reader.outputs)], gone=[reshape])
    return steps.list()


def _takes(step, word):
    choices = next((a.choices for a in ops.schemas[step.name].attrs if a.name == "activation"), ())
    if word not in choices or step.attrs["activation"] != "none":
        return False
    # linear's gate and residual come after its activation; batch_norm's residual comes before.
    return step.name != "linear" or step.inputs[3] is None and step.inputs[4] is None


def _word(step):
    """(the activation that a step is, of what), or (None, None)."""
    if step.name == "gelu" and not step.view:
        return "gelu", step.inputs[0]
    operation, operands = instruction(step) or (None, [])
    if operation == "max" and operands[1:] == ["0"]:
        return "relu", operands[0]
    return (_WORDS.get(operation), operands[0]) if len(operands) == 1 else (None, None)
