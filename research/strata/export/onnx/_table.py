"""The table of ONNX operators: a function `(node, *inputs)` that computes with PyTorch what the node says."""

from .._errors import Unsupported
from ._values import tensor

TABLE = {}


def onnx_op(*names, sizes=False):
    """Names the operators that a function is for. `sizes`: it takes Sizes as they are; otherwise they are tensors."""

    def add(function):
        def call(node, *inputs):
            if node.outputs > 1 and not getattr(function, "several", False):
                raise Unsupported("outputs beyond the first")
            return function(node, *(inputs if sizes else map(tensor, inputs)))

        for name in names:
            TABLE[name] = call
        return function

    return add


def several(function):
    """Marks a function that gives a list of outputs."""
    function.several = True
    return function
