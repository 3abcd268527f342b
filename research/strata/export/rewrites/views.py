"""A view of a view becomes one view of what lies below: reshape of reshape, permute of permute, broadcast of broadcast.
Those that change nothing go.

The answer stays: no element moves.
"""

from ._steps import Steps, changed

_JOINS = ("reshape", "permute", "broadcast")


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        while step.view and (below := _below(steps, step)) is not None:
            joined = changed(step, inputs=below.inputs, attrs=_attrs(below, step))
            steps.replace(step, [joined])
            step = joined
        if step.view and _changes_nothing(step) and step.outputs[0] not in steps.outputs:
            steps.redirect(step.outputs[0], step.inputs[0])
    return steps.list()


def _below(steps, step):
    if step.name not in _JOINS:
        return None
    return steps.view_of(step.inputs[0], step.name)


def _attrs(below, step):
    return {"dims": [below.attrs["dims"][d] for d in step.attrs["dims"]]} if step.name == "permute" else {}


def _changes_nothing(step):
    if step.name == "permute":
        return step.attrs["dims"] == list(range(len(step.attrs["dims"])))
    return step.name in _JOINS and step.inputs[0].shape == step.outputs[0].shape
