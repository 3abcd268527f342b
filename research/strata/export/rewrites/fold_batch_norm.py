"""A batch_norm behind a convolution or a linear layer goes into that one's weight and bias.

It changes bits, so it is off by default: the sums are of other products. The new weights are computed in float64 and
rounded once; the result is as near to the truth, and a pass over memory is saved.
"""

import torch

from .._plan import Value
from ._steps import Steps, changed

CHANGES_BITS = True


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for norm in steps:
        if norm.name != "batch_norm" or norm.view or not all(v.constant for v in norm.inputs[1:5]):
            continue
        layer, reshape = steps.source(norm.inputs[0], norm, "convolution", "linear")
        if layer is None or not _plain(layer) or norm.inputs[5] is not None:
            continue
        made, wanted = layer.outputs[0], norm.outputs[0]
        if reshape is not None and made.shape[:2] != wanted.shape[:2]:
            continue  # channels are not channels there
        weight, bias = _folded(layer, norm)
        attrs = {"activation": norm.attrs["activation"]}
        inputs = [layer.inputs[0], weight, bias, *layer.inputs[3:]]
        if reshape is None:
            steps.replace(norm, [changed(layer, inputs=inputs, attrs=attrs, outputs=[wanted])], gone=[layer])
            continue
        folded = Value(made.name + ".normed", made.dtype, made.shape)
        both = [
            changed(layer, inputs=inputs, attrs=attrs, outputs=[folded]),
            changed(reshape, inputs=[folded], outputs=[wanted]),
        ]
        steps.replace(norm, both, gone=[layer, reshape])
    return steps.list()


def _plain(layer):
    constants = [v for v in layer.inputs[1:3] if v is not None]
    rows = layer.name == "convolution" or (len(layer.outputs[0].shape) == 2 and layer.inputs[3:] == [None, None])
    return rows and layer.attrs["activation"] == "none" and all(v.constant for v in constants)


def _folded(layer, norm):
    """The layer's (weight, bias) with the norm's in them."""
    mean, var, scale, shift = (v.tensor.double() for v in norm.inputs[1:5])
    factor = scale / torch.sqrt(var + norm.attrs["eps"])
    weight, bias = layer.inputs[1], layer.inputs[2]
    wide = weight.tensor.double() * factor.view(-1, *[1] * (weight.tensor.dim() - 1))
    offset = shift - mean * factor + (bias.tensor.double() * factor if bias is not None else 0)
    name, dtype = weight.name + ".normed", weight.dtype
    return (
        Value(name, dtype, list(wide.shape), wide.to(dtype)),
        Value(name + ".bias", dtype, list(offset.shape), offset.to(dtype)),
    )
