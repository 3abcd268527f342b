"""A linear layer whose halves are multiplied with each other (GEGLU and SwiGLU of one weight) becomes two layers, which
the rules behind make a gate and an activation of.

The answer stays: a column of linear's result is a sum of its own, whatever stands beside it (docs/design/numerics.md).
"""

from .._plan import Step, Value
from ._steps import Steps, binary, instruction


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        factors = binary(step, "mul")
        cuts = factors and [_cut(steps, factor, step) for factor in factors]
        layer = cuts and all(cuts) and steps.maker(cuts[0].inputs[0], "linear")
        if layer and _halves(steps, layer, cuts):
            steps.replace(layer, [_part(layer, cut) for cut in cuts], gone=cuts)
    return steps.list()


def _cut(steps, value, reader):
    """The slice that a factor is, or that it is a function of; None where others read it."""
    for _ in range(2):
        if steps.only_reader(value) is not reader:
            return None
        cut = steps.view_of(value, "slice")
        if cut is not None:
            return cut
        reader = steps.maker(value)
        _, operands = instruction(reader) or (None, [])
        if not operands or not isinstance(operands[0], Value) or any(isinstance(o, Value) for o in operands[1:]):
            return None
        value = operands[0]
    return None


def _halves(steps, layer, cuts):
    """Whether two slices are all that is read of a plain layer's columns, with weights that can be parted."""
    made = layer.outputs[0]
    _, weight, bias, gate, residual = layer.inputs
    plain = gate is None and residual is None and layer.attrs["activation"] == "none" and made not in steps.outputs
    constant = all(v.constant and len(steps.readers(v)) == 1 for v in (weight, bias) if v is not None)
    columns = all(
        cut.inputs[0] is made
        and cut.attrs["dim"] == made.rank - 1
        and cut.attrs.get("step", 1) == 1
        and isinstance(cut.attrs["start"], int)
        for cut in cuts
    )
    return plain and constant and columns and cuts[0] is not cuts[1] and len(steps.readers(made)) == 2


def _part(layer, cut):
    """The layer of a slice's columns alone."""
    start, size = cut.attrs["start"], cut.outputs[0].shape[-1]
    x, weight, bias, _, _ = layer.inputs

    def rows(value):
        tensor = value.tensor[start : start + size].contiguous()
        return Value(f"{value.name}.{start}", value.dtype, list(tensor.shape), tensor)

    inputs = [x, rows(weight), bias and rows(bias), None, None]
    return Step("linear", inputs, dict(layer.attrs), list(cut.outputs))
