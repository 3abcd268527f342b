"""`strata.export(model, example_inputs, ...)`: a PyTorch model to a bundle that the service runs with the same bits.

B, N = torch.export.Dim("B", max=256), torch.export.Dim("N", max=16384)
report = strata.export(model, {"ids": ids, "cu_seqlens": ends}, path="minilm.bundle", name="minilm",
                       dynamic_shapes={"ids": {0: N}, "cu_seqlens": {0: B + 1}}, output_names=["embedding"])
"""

import dataclasses
import inspect
import sys
import types

import torch

from ..runtime import Plan
from . import _bisect, _bundle, _layouts, _lower
from ._errors import ExportError
from ._history import History
from ._report import Report, differences, report

__all__ = ["Exportable", "ExportError", "Report", "export"]


@dataclasses.dataclass
class Exportable:
    """What `strata export module:function` expects the function to return: the arguments of `export`."""

    model: torch.nn.Module
    example_inputs: dict
    dynamic_shapes: dict
    name: str
    output_names: list | None = None
    entry_point: str = "forward"
    description: str = ""
    version: str = "1"
    tokenizer: str | None = None
    embeddings: dict | None = None


def _by_name(model, given):
    """Positional arguments under the names that the model has for them."""
    if isinstance(given, dict):
        return given
    names = inspect.signature(model.forward).parameters
    return dict(zip(names, given if isinstance(given, (tuple, list)) else [given]))


def _stays_alone(whole, alone, layout):
    """Whether the first item of a batch has the bits that it has by itself: else requests must not share a batch."""
    kinds = layout["layouts"]
    return all(
        torch.equal(whole[name][: len(tensor)], tensor)
        for name, tensor in alone.items()
        if kinds[name] in ("stacked", "ragged")
    )


def _cases(plan, entry, layout, examples):
    """([(inputs, outputs)] for the golden, the layout that holds)."""
    alone = _layouts.first_item(examples[0], entry, layout)
    cases = [(inputs, plan(**inputs)) for inputs in [examples[0], *([alone] if alone else []), *examples[1:]]]
    if alone and not _stays_alone(cases[0][1], cases[1][1], layout):
        layout = {}
    return cases, layout


def export(
    model,
    example_inputs,
    *,
    path,
    name,
    dynamic_shapes,
    output_names=None,
    entry_point="forward",
    description="",
    version="1",
    tokenizer=None,
    embeddings=None,
    more_examples=(),
    tolerance=1024.0,
    rewrites=(),
):
    """Traces `model`, lowers it to a plan, runs the plan in Python for the golden, and writes the bundle `path`.

    Args:
        model: called as `model(**example_inputs)`; exported in eval mode.
        example_inputs: {argument name: tensor}, or the positional arguments; every dynamic dim of size 2 or more.
        path: the folder to write; an older bundle there is replaced whole.
        name: what the service calls the model.
        dynamic_shapes: {argument name: {dim: torch.export.Dim}}, or in the order of the arguments; dim names begin
            with a capital.
        output_names: names of the model's outputs, in order; otherwise the model's own, or "output".
        entry_point: the entry point's name.
        tokenizer: a tokenizer.json to put into the bundle.
        embeddings: the manifest's `embeddings` section, for `/v1/embeddings`.
        more_examples: further inputs for the golden, beside the example and its first item.
        tolerance: the largest difference from the eager model that is let through, in units of the last place of the
            output's largest magnitude.
        rewrites: rules to switch on ("views") or off ("-gates") by name; "none" switches all off, "fast" all on, those
            that change bits included (docs/design/export.md).

    Returns: a Report.
    Raises: ExportError that names the operator, the line of the model and what to do.
    """
    model = model.eval()
    example_inputs, dynamic_shapes = _by_name(model, example_inputs), _by_name(model, dynamic_shapes)
    program = _lower.trace(model, (), example_inputs, dynamic_shapes)
    history = History()
    entry, weights = _lower.lower(program, dynamic_shapes, output_names, rewrites, history.see)
    plan = Plan(entry, weights)
    cases, layout = _cases(plan, entry, _layouts.infer(entry), [example_inputs, *more_examples])
    apart = differences(model, cases)
    for output, worst in apart.items():
        if not worst <= tolerance:
            inputs, _ = max(cases, key=lambda case: max(differences(model, [case]).values()))
            said = _bisect.explain(program, dynamic_shapes, inputs, rewrites, tolerance)
            raise ExportError(
                f"output {output} of the plan differs from the eager model by {worst:.3g} units of the last place of "
                f"its largest magnitude, more than {tolerance:.3g}. {said}"
            )
    source = f"{type(model).__module__}:{type(model).__qualname__}"
    _bundle.write(
        path,
        name=name,
        entry_name=entry_point,
        entry=entry,
        weights=weights,
        layout=layout,
        cases=cases,
        numerics=plan.numerics(**example_inputs),
        tokenizer=tokenizer,
        embeddings=embeddings,
        description=description,
        version=version,
        provenance={"source": source},
    )
    return report(path, entry, weights, apart, bool(layout), history)


class _CallableModule(types.ModuleType):
    """So that both `strata.export(model, ...)` and `strata.export.Exportable` work."""

    def __call__(self, *args, **kwargs):
        return export(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
