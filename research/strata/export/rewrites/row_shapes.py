"""Operators that work on rows take them in the shape they come in: a reshape to [rows, width] in front and the one back
behind go.

The answer stays: a row's result depends on the row alone, and the rows stay in order.
"""

from ._steps import Steps, changed

_ROWS = ("linear", "layer_norm", "rms_norm", "softmax", "log_softmax")


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        if step.view or step.name not in _ROWS:
            continue
        reshape = steps.view_of(step.inputs[0], "reshape")
        made = step.outputs[0]
        if reshape is None or made in steps.outputs or step.inputs[3:] not in ([], [None, None]):
            continue
        source = reshape.inputs[0]
        shape = [*source.shape[:-1], made.shape[-1]]
        back = steps.readers(made)
        if not source.shape or source.shape[-1] != reshape.outputs[0].shape[-1] or not _all_give(back, shape):
            continue
        first, *others = back
        steps.replace(
            step, [changed(step, inputs=[source, *step.inputs[1:]], outputs=[first.outputs[0]])], gone=[first]
        )
        for view in others:
            _same(steps, view, first.outputs[0])
    return steps.list()


def _all_give(steps, shape):
    return bool(steps) and all(s.view and s.name == "reshape" and s.outputs[0].shape == shape for s in steps)


def _same(steps, view, value):
    """The view's readers read the value; where an output is the view, it stays as one that changes nothing."""
    if view.outputs[0] in steps.outputs:
        steps.replace(view, [changed(view, inputs=[value])])
    else:
        steps.redirect(view.outputs[0], value)
