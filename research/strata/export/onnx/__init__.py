"""ONNX models as entry points: every node becomes plain PyTorch, which goes through the same table as any other model.

    entry = strata.export.from_onnx("model.onnx", dims={"batch": (1, 64), "sequence": 128})
    strata.export({"forward": entry}, path="model.bundle", name="model")

Opsets 13 and later. The file is untrusted: it is checked, and nothing in it is run. Needs the package `onnx`.
"""

from ._module import entry as from_onnx

__all__ = ["from_onnx"]
