"""Strata: PyTorch models on operators that production runs unchanged, with the same bits.

    import strata
    y = strata.ops.rms_norm(x, weight)          # or torch.ops.strata.rms_norm
    model = strata.nn.Sequential(...)           # modules named as the operators
    strata.export(model, example, path="bundle")
"""

from . import export, ops, runtime

__version__ = "0.1.0"
__all__ = ["export", "ops", "runtime"]
