"""Reductions over any dims of a tensor, through `ops.reduce` (rows) and `ops.reduce_outer` (columns).

    from strata import reductions
    reductions.mean(x, dim=(1, 2), keepdim=True)
    reductions.sum_to(grad, bias.shape)  # the gradient of a broadcast

Which order a sum has depends on the dims that are named alone, never on their sizes: dims at the end of the tensor are
a row, in 64 virtual lanes; neighbours elsewhere are columns, in order; dims apart are moved to the end first.
"""

import math

from torch import Tensor

from . import ops


def _dims(x: Tensor, dim) -> tuple[int, ...]:
    """Sorted and not negative; None: all."""
    if dim is None:
        return tuple(range(x.dim()))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    found = sorted({d + x.dim() if d < 0 else d for d in dims})
    if len(found) < len(dims) or (found and not 0 <= found[0] <= found[-1] < x.dim()):
        raise ValueError(f"dim is {dim}, wanted different dims of a tensor with {x.dim()}")
    return tuple(found)


def reduce(x: Tensor, operation: str, dim=None, keepdim: bool = False, correction: int = 1) -> Tensor:
    """`operation`: sum, mean, max, min, sum_squares, var, std. `dim`: one, several, or None for all."""
    dims = _dims(x, dim)
    kept = [d for d in range(x.dim()) if d not in dims]
    sizes = [1 if d in dims else x.shape[d] for d in range(x.dim()) if keepdim or d not in dims]
    together = bool(dims) and dims[-1] - dims[0] == len(dims) - 1
    length = math.prod([x.shape[d] for d in dims])
    if together and dims[-1] < x.dim() - 1:
        before, after = x.shape[: dims[0]], x.shape[dims[-1] + 1:]
        columns = x.reshape(math.prod(before), length, math.prod(after))
        return ops.reduce_outer(columns, operation, correction).reshape(sizes)
    rows = x if together or not dims else x.permute(*kept, *dims)
    return ops.reduce(rows.reshape([x.shape[d] for d in kept] + [length]), operation, correction).reshape(sizes)


def sum(x: Tensor, dim=None, keepdim: bool = False) -> Tensor:  # noqa: A001
    return reduce(x, "sum", dim, keepdim)


def mean(x: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    return reduce(x, "mean", dim, keepdim)


def amax(x: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    return reduce(x, "max", dim, keepdim)


def amin(x: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    return reduce(x, "min", dim, keepdim)


def sum_squares(x: Tensor, dim=None, keepdim: bool = False) -> Tensor:
    return reduce(x, "sum_squares", dim, keepdim)


def var(x: Tensor, dim=None, correction: int = 1, keepdim: bool = False) -> Tensor:
    return reduce(x, "var", dim, keepdim, correction)


def std(x: Tensor, dim=None, correction: int = 1, keepdim: bool = False) -> Tensor:
    return reduce(x, "std", dim, keepdim, correction)


def sum_to(x: Tensor, shape) -> Tensor:
    """x summed to a shape that broadcasts to x's: the gradient of a broadcast."""
    extra = x.dim() - len(shape)
    dims = [d for d in range(x.dim()) if d < extra or (shape[d - extra] == 1 and x.shape[d] != 1)]
    return reduce(x, "sum", dims).reshape(shape) if dims else x.reshape(shape)
