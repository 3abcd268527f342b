"""How large our errors may be, in units of the last place: ours is never the worse one.

A function's largest error is at most PyTorch's, or that of a result that is rounded correctly but for one tie in a
hundred. An operator's sums have an order, and the largest of thousands of errors of two orders of one sum is as likely
ours as theirs; what an order is worth shows in the root of the mean square of all errors. So that is compared, and the
largest error, a tail that the inputs decide, may be so much above PyTorch's as chance makes it.
"""

import torch

FUNCTION = 0.51
# The root of the mean square of correctly rounded results is at most 0.29 (1 / sqrt(12) of a unit).
ROUNDED = {torch.float32: 0.3, torch.bfloat16: 0.3}
SAME = 1.05  # what two seeds move a root of a mean square by
LARGEST = 2.0  # what two seeds move the largest error by, below which two results are as good as each other
SMALL = {torch.float32: 3.0, torch.bfloat16: 1.0}  # a few roundings in a row, whatever their order
# (operator, dtype): the factor in place of SAME, and why.
ORDERED = {
    ("attention backward", torch.float32): (1.25, "queries and keys go in squares of 64, whatever the lengths"),
    ("reduce", torch.float32): (1.45, "64 virtual lanes of a row, each added in order"),
}
FUNCTIONS = frozenset(["exp", "log", "erf", "tanh", "sigmoid", "sin", "cos", "rsqrt", "expm1", "log1p", "pow"])


def is_worse(name, mine, theirs):
    """What the page prints in bold."""
    if name in FUNCTIONS:
        return mine[0] > max(FUNCTION, theirs[0])
    return mine[1] > 1.005 * theirs[1]


def too_large(name, dtype, mine, theirs):
    """`mine` and `theirs` are a largest error and a mean one: for an operator the root of the mean square."""
    if name in FUNCTIONS:
        return is_worse(name, mine, theirs)
    factor = ORDERED.get((name, dtype), (SAME, ""))[0]
    return mine[1] > max(ROUNDED[dtype], factor * theirs[1]) or mine[0] > max(SMALL[dtype], LARGEST * theirs[0])
