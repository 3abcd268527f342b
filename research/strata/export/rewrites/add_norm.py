"""A sum and the layer_norm, rms_norm or group_norm of it become add_layer_norm, add_rms_norm or add_group_norm, which
give the sum back, too: one pass over memory. A reshape between the two goes in front of both, and is undone behind.

The answer stays: they round the sum, then normalise it as the norm does, in the same order.
"""

from .._plan import Step
from ._steps import Steps, binary, changed, reshaped

_NORMS = ("layer_norm", "rms_norm", "group_norm")


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        terms = binary(step, "add")
        norm, reshape = _norm_of(steps, step.outputs[0]) if terms else (None, None)
        if norm is None:
            continue
        total, before, behind = step.outputs[0], [], []
        if reshape is not None:
            total = reshape.outputs[0]
            (first, one), (second, two) = (reshaped(t, total, "for." + total.name) for t in terms)
            terms, before = [first, second], [one, two]
            behind = [changed(reshape, inputs=[total], outputs=step.outputs)]
        inputs = [*terms, *norm.inputs[1:]]
        fused = Step("add_" + norm.name, inputs, dict(norm.attrs), [norm.outputs[0], total])
        # In the sum's place, since others may read it before the norm does.
        steps.replace(step, [*before, fused, *behind], gone=[norm, *([reshape] if reshape else [])])
    return steps.list()


def _norm_of(steps, value):
    """(a norm of the value, the reshape between them or None), or (None, None)."""
    for reader in steps.readers(value):
        if reader.view and reader.name == "reshape":
            norm = next((s for s in steps.readers(reader.outputs[0]) if _is_norm(s, reader.outputs[0])), None)
            if norm is not None:
                return norm, reader
        elif _is_norm(reader, value):
            return reader, None
    return None, None


def _is_norm(step, value):
    constant = all(v is not None and v.constant for v in step.inputs[1:])
    return not step.view and step.name in _NORMS and step.inputs[0] is value and constant
