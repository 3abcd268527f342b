"""How large our errors may be, in units of the last place: ours is never the worse one.

A function's largest error is at most PyTorch's, or that of a result that is rounded correctly but for one tie in a
hundred. An operator's sums have an order, and which of two orders is nearer to the truth is chance in any one sum; what
an order is worth shows in the root of the mean square of all errors, and whether a difference of two of these is more
than chance shows in other random numbers. So ours is worse where its root is larger with every seed, and by more than
half a percent in all. The largest error is a tail that the inputs decide: of two orders that are as good as each other
either may have it.
"""

import torch

FUNCTION = 0.51
# The root of the mean square of correctly rounded results is at most 0.29 (1 / sqrt(12) of a unit).
ROUNDED = 0.29
SAME = 1.005
LARGEST = 1.75  # how much larger than PyTorch's chance may make the largest error
SMALL = {torch.float32: 2.0, torch.bfloat16: 1.0}  # a few roundings in a row, whatever their order


def is_worse_function(mine, theirs):
    """Each is a largest error and a mean one."""
    return mine[0] > max(FUNCTION, theirs[0])


def is_worse_operator(mine, theirs):
    """Each is an operators.Side."""
    larger = all(m > t for m, t in zip(mine.roots, theirs.roots, strict=True))
    return larger and mine.root > max(ROUNDED, SAME * theirs.root)


def too_large(dtype, mine, theirs):
    """Whether an operator's test fails."""
    return is_worse_operator(mine, theirs) or mine.largest > max(SMALL[dtype], LARGEST * theirs.largest)
