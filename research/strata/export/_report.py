"""What an export made: steps, weights, and how far the plan is from the eager model."""

import dataclasses
import math

import torch

from ._history import History


@dataclasses.dataclass
class Report:
    """What the export made. `print(report)` is a line; `report.explain()` tells what the rewrites did."""

    path: str
    steps: int
    operators: dict  # name -> how many steps
    weights: int
    weight_bytes: int
    # output -> largest difference from the model run eagerly, in units of the last place of its largest magnitude
    differences: dict
    batched: bool = True  # whether requests may share a batch
    history: History = dataclasses.field(default_factory=History, repr=False)

    def __str__(self):
        kinds = ", ".join(f"{n} {op}" for op, n in sorted(self.operators.items()))
        worst = ", ".join(
            f"{n} {'bit-identical to' if d == 0 else f'within {d:.3g} units of the last place of'} the eager model"
            for n, d in self.differences.items()
        )
        return f"{self.path}: {self.steps} steps ({kinds}), {self.weight_bytes / 2**20:.1f} MiB of weights; {worst}"

    def explain(self):
        """The plan before and after each rewrite: counts and the steps that changed, equal changes once."""
        return str(self.history)


def report(path, entry, weights, differences, batched, history):
    kinds = {}
    for step in entry["steps"]:
        kind = step.get("op", "view")
        kinds[kind] = kinds.get(kind, 0) + 1
    size = sum(t.numel() * t.element_size() for t in weights.values())
    return Report(str(path), len(entry["steps"]), kinds, len(weights), size, differences, batched, history)


def flat(outputs):
    """The tensors of what a model gives, in order."""
    return [t for t in torch.utils._pytree.tree_leaves(outputs) if isinstance(t, torch.Tensor)]


def difference(got, want):
    """The largest difference, in units of the last place of the largest magnitude."""
    if got.numel() == 0 or torch.equal(got, want):
        return 0.0
    if not want.dtype.is_floating_point:
        return math.inf
    apart = (got.double() - want.double()).abs()
    apart[(got == want) | (got.isnan() & want.isnan())] = 0  # equal infinities, too
    scale = want[want.isfinite()].double().abs().max() if want.isfinite().any() else 1.0
    worst = float(apart.max() / max(float(scale), 1e-30) / torch.finfo(want.dtype).eps)
    return math.inf if math.isnan(worst) else worst


def differences(model, cases):
    """{output: the largest difference from the eager model over all cases}."""
    found = {}
    for inputs, outputs in cases:
        with torch.no_grad():
            eager = flat(model(**inputs))
        for (name, got), want in zip(outputs.items(), eager, strict=True):
            found[name] = max(found.get(name, 0.0), difference(got, want))
    return found
