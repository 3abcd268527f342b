"""A pointwise operator reads what was broadcast for it as it was before: its inputs broadcast by themselves.

The answer stays: the same elements meet.
"""


def apply(steps, outputs, build):
    views = {step.outputs[0]: step.inputs[0] for step in steps if step.view and step.name == "broadcast"}
    for step in steps:
        if step.name == "pointwise" and not step.view:
            step.inputs = [_bare(step.inputs[0], step.outputs[0].shape, views)]
    return steps


def _bare(inputs, shape, views):
    """The inputs without their broadcasts, as long as they still make `shape` together."""
    inputs = list(inputs)
    for at in range(len(inputs)):
        while inputs[at] in views:
            tried = [*inputs[:at], views[inputs[at]], *inputs[at + 1 :]]
            if not _covers(tried, shape):
                break
            inputs = tried
    return inputs


def _covers(inputs, shape):
    return any(len(v.shape) == len(shape) for v in inputs) and all(
        size == 1 or any(len(v.shape) >= back and v.shape[-back] == size for v in inputs)
        for back, size in enumerate(reversed(shape), 1)
    )
