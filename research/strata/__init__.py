"""Strata: PyTorch models on operators that production runs unchanged, with the same bits.

    import strata
    y = strata.ops.rms_norm(x, weight)          # or torch.ops.strata.rms_norm
    model = strata.nn.Sequential(...)           # modules named as the operators
    strata.export(model, example_inputs, ...)   # a bundle that `strata serve` runs
    strata.accelerate(model)                    # a model of transformers on these operators, unmodified

`strata.models` has whole models, one page each; `strata.optim` optimisers; `strata.pointwise` makes one operator of a
function of numbers; `strata.quantize` makes weights of 8 and 4 bits; `strata.reductions` sums and the like over any
dims; `strata.train` a training loop; `strata.runtime` runs a bundle in Python.
"""

from . import export, nn, ops, optim, pointwise, quantize, reductions, runtime, train
from .accelerate import accelerate, accelerated

__version__ = "0.1.0"
__all__ = [
    "accelerate",
    "accelerated",
    "export",
    "nn",
    "ops",
    "optim",
    "pointwise",
    "quantize",
    "reductions",
    "runtime",
    "train",
]
