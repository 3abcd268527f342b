"""A sum with a linear layer's or a batch_norm's result becomes its residual. A reshape between the two goes behind
both.

The answer stays: both round before they add, as a step of its own would. (Where both terms are NaN, which of the two
NaN it is may differ.)
"""

from .._plan import Value
from ._steps import Steps, binary, changed, reshaped

_PLACE = {"linear": 4, "batch_norm": 5}


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        terms = binary(step, "add")
        if terms is None:
            continue
        for made, residual in ((terms[1], terms[0]), (terms[0], terms[1])):
            layer, reshape = steps.source(made, step, *_PLACE)
            if layer is not None and _free(layer):
                _join(steps, step, layer, reshape, residual)
                break
    return steps.list()


def _join(steps, step, layer, reshape, residual):
    inputs, outputs, before, behind = list(layer.inputs), step.outputs, [], []
    if reshape is not None:
        outputs = [Value(layer.outputs[0].name + ".sum", layer.outputs[0].dtype, layer.outputs[0].shape)]
        residual, view = reshaped(residual, outputs[0], "for." + layer.outputs[0].name)
        before, behind = [view], [changed(reshape, inputs=outputs, outputs=step.outputs)]
    inputs[_PLACE[layer.name]] = residual
    fused = changed(layer, inputs=inputs, outputs=outputs)
    steps.replace(step, [*before, fused, *behind], gone=[layer, *([reshape] if reshape else [])])


def _free(layer):
    # batch_norm adds before its relu, linear after its activation.
    activated = layer.name == "batch_norm" and layer.attrs["activation"] != "none"
    return layer.inputs[_PLACE[layer.name]] is None and not activated
