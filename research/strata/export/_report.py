"""What an export made: steps, weights, and how far the plan is from the eager model."""

import dataclasses
import math

import torch

from . import _quantize


@dataclasses.dataclass
class Report:
    """What the export made. `print(report)` is a line; `report.explain()` tells what the rewrites did. The names of
    outputs have "entry point/" in front where there are several."""

    path: str
    steps: int
    operators: dict  # name -> how many steps
    weights: int
    weight_bytes: int
    # output -> largest difference from the model run eagerly, in units of the last place of its largest magnitude
    differences: dict
    batched: bool = True  # whether requests may share a batch, at every entry point
    dropped: tuple = ()  # (name, value) of outputs that are no tensors
    quantized: str | None = None  # int8 or bf16
    accuracy: dict = dataclasses.field(default_factory=dict)  # output -> how far quantising took it from float32
    padding: dict = dataclasses.field(default_factory=dict)  # entry point -> "removed: ...", or "kept: why"
    histories: dict = dataclasses.field(default_factory=dict, repr=False)  # entry point -> History

    def __str__(self):
        kinds = ", ".join(f"{n} {op}" for op, n in sorted(self.operators.items()))
        worst = ", ".join(
            f"{n} {'bit-identical to' if d == 0 else f'within {d:.3g} units of the last place of'} the eager model"
            for n, d in self.differences.items()
        )
        worst = f"before quantising, {worst}" if self.quantized else worst
        left_out = "".join(f"; left out {name}, which is no tensor but {value}" for name, value in self.dropped)
        size = f"{self.weight_bytes / 2**20:.1f} MiB of weights"
        said = f"{worst}{left_out}{self._padding()}{self._accuracy()}"
        return f"{self.path}: {self.steps} steps ({kinds}), {size}; {said}"

    def _padding(self):
        said = {name: text for name, text in self.padding.items() if text != "kept"}
        return "".join(f"; padding {f'of {n} ' if len(self.padding) > 1 else ''}{text}" for n, text in said.items())

    def _accuracy(self):
        lines = [_quantize.sentence(self.quantized, *one) for one in self.accuracy.items()]
        return "".join(f"\n  {line}" for line in lines)

    def explain(self):
        """The plan before and after each rewrite: counts and the steps that changed, equal changes once."""
        if len(self.histories) == 1:
            return "\n".join(map(str, self.histories.values()))
        return "\n".join(f"entry point {name}:\n{history}" for name, history in self.histories.items())


def report(path, made, weights, quantized=None):
    """A Report on the entry points {name: Made} and the weights that they share."""
    kinds, differences, accuracy = {}, {}, {}
    for name, one in made.items():
        for step in one.plan["steps"]:
            kind = step.get("op", "view")
            kinds[kind] = kinds.get(kind, 0) + 1
        prefix = f"{name}/" if len(made) > 1 else ""
        differences |= {prefix + output: worst for output, worst in one.differences.items()}
        accuracy |= {prefix + output: figures for output, figures in one.accuracy.items()}
    return Report(
        str(path),
        steps=sum(kinds.values()),
        operators=kinds,
        weights=len(weights),
        weight_bytes=sum(t.numel() * t.element_size() for t in weights.values()),
        differences=differences,
        batched=all(one.layout for one in made.values()),
        dropped=tuple(d for one in made.values() for d in one.dropped),
        quantized=quantized,
        accuracy=accuracy,
        padding={name: one.padding for name, one in made.items()},
        histories={name: one.history for name, one in made.items()},
    )


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
