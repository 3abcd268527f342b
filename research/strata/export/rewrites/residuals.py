"""A sum with a linear layer's result becomes its residual; one with a batch_norm's result, too.

The answer stays: both round before they add, as a step of its own would. (Where both terms are NaN, which of the two
NaN it is may differ.)
"""

from ._steps import Steps, binary, changed

_PLACE = {"linear": 4, "batch_norm": 5}


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        terms = binary(step, "add")
        if terms is None:
            continue
        for made, residual in ((terms[1], terms[0]), (terms[0], terms[1])):
            layer = steps.maker(made, *_PLACE)
            if layer is not None and steps.only_reader(made) is step and _free(layer):
                inputs = list(layer.inputs)
                inputs[_PLACE[layer.name]] = residual
                steps.replace(step, [changed(layer, inputs=inputs, outputs=step.outputs)], gone=[layer])
                break
    return steps.list()


def _free(layer):
    # batch_norm adds before its relu, linear after its activation.
    activated = layer.name == "batch_norm" and layer.attrs["activation"] != "none"
    return layer.inputs[_PLACE[layer.name]] is None and not activated
