"""Plans in fewer bits: int8 weights with inputs quantised row by row, or everything in bfloat16; how far off they are.

    strata.export(model, example, ..., quantize="int8")     # prints accuracy, and keeps it in the manifest

This changes the answer, unlike rewrites: what it changed is measured on the user's own samples.
"""

import copy
import dataclasses
import functools

import torch

from .. import quantize
from ._errors import ExportError
from .lowerings.pointwise import fused
from .rewrites import choose, pointwise_chains

KINDS = ("int8", "bf16")
_FEWEST = 1024  # numbers of a weight: a smaller one saves nothing
_WIDEST = 132_104  # columns: linear_int8's sums hold that many


def check(kind):
    if kind is not None and kind not in KINDS:
        raise ExportError(f"quantize is {kind!r}, wanted {' or '.join(KINDS)}")


def _suits(step):
    """A dense layer of the model's own weight; matrices that the exporter made (interpolation) stay exact."""
    if step.view or step.name != "linear":
        return False
    weight = step.inputs[1]
    own = weight.constant and not weight.name.startswith("constant.")
    return own and weight.tensor.numel() >= _FEWEST and weight.tensor.shape[1] <= _WIDEST


class Int8:
    """The last step of a lowering: `linear` with a constant weight becomes `linear_int8`."""

    def __init__(self, rewrites):
        self.weights = []  # names of those that became int8
        self._chains = pointwise_chains in choose(rewrites)

    def __call__(self, steps, outputs, build):
        build.steps, made = [], {}
        for step in steps:
            if _suits(step):
                self._linear(build, step, made)
            else:
                build.steps.append(step)
        self.weights = [weight.name for weight in made]
        return pointwise_chains.apply(build.steps, outputs, build) if self._chains else build.steps

    def _linear(self, build, step, made):
        x, weight, bias, gate, residual = step.inputs
        if weight not in made:
            q, scale = quantize.int8(weight.tensor)
            made[weight] = [build.constant(q, weight.name + ".int8"), build.constant(scale, weight.name + ".scale")]
        like = (step.outputs[0].dtype, step.outputs[0].shape)
        attrs = {"activation": step.attrs["activation"]}
        y = build.op("linear_int8", [x, *made[weight], bias], attrs, [build.value(like)])[0]
        if gate is not None:
            y = fused(build, like, lambda a, b: a * b, y, gate)
        if residual is not None:
            y = fused(build, like, lambda a, b: a + b, y, residual)
        build.steps[-1].outputs = step.outputs


def _cast(values, source, target):
    return torch.utils._pytree.tree_map_only(
        torch.Tensor, lambda t: t.to(target) if t.dtype == source else t, values
    )


def as_bfloat16(entry):
    """The entry point of a copy of the model that computes in bfloat16 and takes and gives float32 as before. Buffers
    keep their dtype, but for those of batch_norm."""
    module = copy.deepcopy(entry.module)
    own = entry.model if entry.model is entry.module else getattr(module, entry.model.__name__)
    call = module.forward if own is entry.model else own
    for part in module.modules():
        if isinstance(part, torch.nn.modules.batchnorm._NormBase):
            part.to(torch.bfloat16)
    for parameter in module.parameters():
        if parameter.dtype == torch.float32:
            parameter.data = parameter.data.bfloat16()

    @functools.wraps(call)
    def forward(*args, **kwargs):
        args, kwargs = _cast((args, kwargs), torch.float32, torch.bfloat16)
        return _cast(call(*args, **kwargs), torch.bfloat16, torch.float32)

    module.forward = forward
    return dataclasses.replace(entry, model=module)


def accuracy(got, want):
    """{"largest", "mean", "cosine", "magnitude"}: the differences between two tensors of floats, the cosine of the
    angle between them, and the largest magnitude of the second."""
    if got.numel() == 0:
        return {"largest": 0.0, "mean": 0.0, "cosine": 1.0, "magnitude": 0.0}
    got, want = got.double().flatten(), want.double().flatten()
    apart, sizes = (got - want).abs(), float(got.norm() * want.norm())
    cosine = float(got @ want) / sizes if sizes else float(torch.equal(got, want))
    return {"largest": float(apart.max()), "mean": float(apart.mean()), "cosine": cosine,
            "magnitude": float(want.abs().max())}  # fmt: skip


def joined(measured):
    """The accuracy over several samples: the worst of each figure, the mean of means."""
    return {
        "largest": max(m["largest"] for m in measured),
        "mean": sum(m["mean"] for m in measured) / len(measured),
        "cosine": min(m["cosine"] for m in measured),
        "magnitude": max(m["magnitude"] for m in measured),
    }


def sentence(kind, output, figures):
    """One line for a person."""
    return (
        f"{kind}: {output} is off by {figures['largest']:.3g} at most and {figures['mean']:.3g} on average, where "
        f"float32's largest is {figures['magnitude']:.3g}; cosine {figures['cosine']:.6f}"
    )
