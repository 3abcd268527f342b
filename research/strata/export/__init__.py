"""`strata.export(model, example_inputs, ...)`: a PyTorch model to a bundle that the service runs with the same bits.

    B, N = torch.export.Dim("B", max=256), torch.export.Dim("N", max=16384)
    report = strata.export(model, {"ids": ids, "cu_seqlens": ends}, path="minilm.bundle", name="minilm",
                           dynamic_shapes={"ids": {0: N}, "cu_seqlens": {0: B + 1}}, output_names=["embedding"])
"""

import dataclasses
import sys
import types

import torch

from ..runtime import Plan
from . import _bundle, _layouts, _lower
from ._errors import ExportError

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


@dataclasses.dataclass
class Report:
    """What the export made."""

    path: str
    steps: int
    operators: dict  # name -> how many steps
    weights: int
    weight_bytes: int
    differences: dict  # output -> largest absolute difference from the model run eagerly

    def __str__(self):
        kinds = ", ".join(f"{n} {op}" for op, n in sorted(self.operators.items()))
        worst = ", ".join(
            f"{n} {'bit-identical to' if d == 0 else f'within {d:.3g} of'} the eager model"
            for n, d in self.differences.items()
        )
        return f"{self.path}: {self.steps} steps ({kinds}), {self.weight_bytes / 2**20:.1f} MiB of weights; {worst}"


def _differences(model, inputs, outputs):
    with torch.no_grad():
        eager = model(**inputs)
    eager = eager if isinstance(eager, (tuple, list)) else [eager]
    found = {}
    for (name, got), want in zip(outputs.items(), eager):
        found[name] = 0.0 if torch.equal(got, want) else float((got.double() - want.double()).abs().max())
    return found


def _report(path, entry, weights, differences):
    kinds = {}
    for step in entry["steps"]:
        kind = step.get("op", "view")
        kinds[kind] = kinds.get(kind, 0) + 1
    size = sum(t.numel() * t.element_size() for t in weights.values())
    return Report(str(path), len(entry["steps"]), kinds, len(weights), size, differences)


def export(model, example_inputs, *, path, name, dynamic_shapes, output_names=None, entry_point="forward",
           description="", version="1", tokenizer=None, embeddings=None, more_examples=(), tolerance=1e-3):
    """Traces `model`, lowers it to a plan, runs the plan in Python for the golden, and writes the bundle `path`.

    Args:
        model: called as `model(**example_inputs)`; exported in eval mode.
        example_inputs: {argument name: tensor}; every dynamic dim of size 2 or more.
        path: the folder to write; an older bundle there is replaced whole.
        name: what the service calls the model.
        dynamic_shapes: {argument name: {dim: torch.export.Dim}}; dim names begin with a capital.
        output_names: names of the model's outputs, in order.
        entry_point: the entry point's name.
        tokenizer: a tokenizer.json to put into the bundle.
        embeddings: the manifest's `embeddings` section, for `/v1/embeddings`.
        more_examples: further inputs for the golden, beside the example and its first item.
        tolerance: the largest difference from the eager model that is let through, per element.

    Returns: a Report.
    Raises: ExportError that names the operator, the line of the model and what to do.
    """
    model = model.eval()
    program = _lower.trace(model, (), example_inputs, dynamic_shapes)
    entry, weights = _lower.lower(program, dynamic_shapes, output_names)
    layout = _layouts.infer(entry)
    plan = Plan(entry, weights)
    examples = [example_inputs, _layouts.first_item(example_inputs, entry, layout), *more_examples]
    cases = [(inputs, plan(**inputs)) for inputs in examples]
    differences = _differences(model, *cases[0])
    for output, worst in differences.items():
        if not worst <= tolerance:
            raise ExportError(
                f"output {output} of the plan differs from the eager model by {worst:.3g}, more than {tolerance:.3g}"
            )
    source = f"{type(model).__module__}:{type(model).__qualname__}"
    _bundle.write(path, name=name, entry_name=entry_point, entry=entry, weights=weights, layout=layout, cases=cases,
                  numerics=plan.numerics(**example_inputs), tokenizer=tokenizer, embeddings=embeddings,
                  description=description, version=version, provenance={"source": source})
    return _report(path, entry, weights, differences)


class _CallableModule(types.ModuleType):
    """So that both `strata.export(model, ...)` and `strata.export.Exportable` work."""

    def __call__(self, *args, **kwargs):
        return export(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
