"""Python functions of numbers as fused pointwise programs, with gradients.

    swiglu = pointwise.fuse(lambda gate, up: gate * torch.sigmoid(gate) * up)
    y = swiglu(gate, up)          # one pass over memory; inputs broadcast
    swiglu.text(torch.float32, torch.float32)

The function is called once for each combination of dtypes, with stand-ins for the tensors: operators, torch's functions
of one element and methods such as `.to(dtype)` write the program. Every step rounds as it would alone, so the answer is
that of the function on tensors wherever strata and PyTorch compute a step alike. Python's `if` cannot look at a value:
use torch.where.
"""

import functools

import torch

from . import _autograd
from ._graph import write
from ._trace import fma, maximum, minimum, normal, trace, uniform, wide

__all__ = ["Fused", "fma", "fuse", "maximum", "minimum", "normal", "run", "uniform", "wide"]

run = _autograd.run


_all = []


# While compiling, a text is a constant of the graph; the function that makes it is named by a number, a constant too.
@torch.compiler.assume_constant_result
def _constant(number, *dtypes):
    return _all[number]._program(*dtypes)


class Fused:
    """A function that runs as one program; made by `fuse`."""

    def __init__(self, function):
        self._function = function
        self._texts = {}
        functools.update_wrapper(self, function)
        self._number = len(_all)
        _all.append(self)

    def _program(self, *dtypes):
        if dtypes not in self._texts:
            outputs, single = trace(self._function, dtypes)
            text, used = write(outputs)
            if len(used) != len(dtypes):
                raise ValueError(f"{self.__name__}: an argument is not used")
            self._texts[dtypes] = (text, single)
        return self._texts[dtypes]

    def text(self, *dtypes):
        """The program for inputs of these dtypes."""
        return self._program(*dtypes)[0]

    def __call__(self, *inputs):
        dtypes = tuple([t.dtype for t in inputs])
        if torch.compiler.is_compiling():
            text, single = _constant(self._number, *dtypes)
        else:
            text, single = self._texts.get(dtypes) or self._program(*dtypes)
        outputs = run(text, inputs)
        return outputs[0] if single else tuple(outputs)


def fuse(function):
    """`function` of tensors (one result or a tuple) as a Fused."""
    return Fused(function)
