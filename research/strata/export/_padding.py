"""What becomes of padding when a plan is exported: removed, where that is proved, or kept, with the reason.

    made.unpadded = unpadded(lowering, made, constants, options)    # a Made over tokens end to end, or None
    served(made)                                                    # the one that is written
"""

import dataclasses

from ..runtime import Plan
from . import _layouts
from ._errors import ExportError
from ._plan import Constants
from ._tokens import Refused

CHOICES = ("auto", "remove", "keep")


def unpadded(lowering, made, constants, options):
    """The Made of the plan without padding, whose weights go to `constants`; or None, and `made.padding` says why.

    "auto" takes it where an input is a mask of the keys that exist; "remove" also where there is no mask, and raises
    ExportError where it cannot be had.
    """
    if options.padding not in CHOICES:
        raise ExportError(f"padding is {options.padding!r}, wanted one of {', '.join(CHOICES)}")
    if options.padding == "keep":
        return None
    try:
        weights = Constants()
        entry, ragged = lowering.without_padding(weights, options.padding == "remove")
        plan = Plan(entry, weights.tensors)
        cases = [_case(plan, ragged, case) for case in made.cases]
    except Refused as reason:
        if options.padding == "remove":
            raise ExportError(f"padding cannot be removed: {reason}") from reason
        if reason.has_mask:
            made.padding = f"kept: {reason}; lengths are filled up with tokens that the mask says do not exist"
        return None
    entry = ragged.build.write(ragged.outputs, constants)
    return dataclasses.replace(
        made, plan=entry, layout=_layouts.infer(entry), cases=cases, numerics=plan.numerics(**cases[0][0]),
        padding=f"removed: requests are tokens end to end ({', '.join(spec['name'] for spec in entry['inputs'])})",
    )  # fmt: skip


def _case(plan, ragged, case):
    """A case of the golden without its padding. Where padding stands behind the tokens, both plans must agree."""
    inputs, outputs = case
    given = ragged.inputs(inputs)
    got = plan(**given)
    if ragged.honest(inputs):
        for name, want in outputs.items():
            if not _alike(got[name], ragged.tokens(name, want, inputs)):
                raise Refused(f"the plan without padding gives other bits for {name}")
    return given, got


def _alike(a, b):
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())


def served(made):
    """What is written: the plan without padding where there is one, with what was measured on the other."""
    if made.unpadded is None:
        return made
    return dataclasses.replace(made.unpadded, differences=made.differences, accuracy=made.accuracy)
