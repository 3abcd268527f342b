"""Linear layers of one input (queries, keys and values) become one whose weight is theirs end to end; their results are
slices of its columns.

The answer stays: a column of linear's result is a sum of its own, in the same order whatever stands beside it
(docs/design/numerics.md), and the numerics class does not depend on the number of columns. It is done where every
reader takes strided rows, as attention does: elsewhere the copies would cost more than the products save.
"""

import torch

from ... import ops
from .. import _layout
from .._plan import Step, Value
from ._steps import Steps


def apply(steps, outputs, build):
    steps, points = Steps(steps, outputs), _layout.points(build.dims.ranges)
    for group in _groups(steps):
        merged, slices = _merged(group)
        if all(_pays(steps, cut, merged.outputs[0], points) for cut in slices):
            steps.replace(group[0], [merged, *slices], gone=group[1:])
    return steps.list()


def _groups(steps):
    """Lists of two or more layers that can become one, in their order."""
    found = {}
    for step in steps:
        if step.name == "linear" and not step.view and _plain(steps, step):
            found.setdefault((step.inputs[0], step.inputs[2] is None), []).append(step)
    return [group for group in found.values() if len(group) > 1]


def _plain(steps, step):
    _, weight, bias, gate, residual = step.inputs
    constants = [v for v in (weight, bias) if v is not None]
    # A weight that others read, too, would be stored twice.
    return (
        gate is None
        and residual is None
        and step.attrs["activation"] == "none"
        and all(v.constant and len(steps.readers(v)) == 1 for v in constants)
        and step.outputs[0] not in steps.outputs
    )


def _joined(values):
    name = "+".join(v.name for v in values)
    name = name if len(name) <= 200 else f"{values[0].name}+{len(values) - 1}"
    tensor = torch.cat([v.tensor for v in values])
    return Value(name, tensor.dtype, list(tensor.shape), tensor)


def _merged(group):
    """(the one layer, the slices of it)."""
    x, _, bias, _, _ = group[0].inputs
    weight = _joined([step.inputs[1] for step in group])
    bias = bias and _joined([step.inputs[2] for step in group])
    first = group[0].outputs[0]
    whole = Value(first.name + ".merged", first.dtype, [*first.shape[:-1], weight.shape[0]])
    slices, at = [], 0
    for step in group:
        attrs = {"dim": first.rank - 1, "start": at}
        slices.append(Step("slice", [whole], attrs, list(step.outputs), view=True))
        at += step.outputs[0].shape[-1]
    return Step("linear", [x, weight, bias, None, None], dict(group[0].attrs), [whole]), slices


def _pays(steps, cut, whole, points):
    """Whether no reader of a slice needs a copy of it."""
    return _free(steps, cut.outputs[0], _layout.view(cut, _layout.plain(whole, points), points), points)


def _free(steps, value, look, points):
    for step in steps.readers(value):
        if step.view:
            below = _layout.view(step, look, points)
            if below is None or not _free(steps, step.outputs[0], below, points):
                return False
        elif not all(_takes(arg, given, value, look) for arg, given in zip(ops.schemas[step.name].inputs, step.inputs)):
            return False
    return value not in steps.outputs


def _takes(arg, given, value, look):
    if given is not value and not (isinstance(given, (list, tuple)) and value in given):
        return True
    return arg.any_strides or arg.strided and _layout.rows_contiguous(look)

