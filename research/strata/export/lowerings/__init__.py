"""What becomes of each ATen operator of a traced graph; Strata's own stay as they are. docs/add_a_lowering.md.

A lowering is a function `(build, node, *args, **kwargs)` that gives the Value it makes, or a list of them, and is named
under the overloads that it lowers. `args` are Values where the graph has tensors. It raises `Unsupported` with the
reason when the arguments are outside what the operators can do.
"""

from ._table import TABLE, Unsupported
from . import (  # noqa: F401 (they fill TABLE)
    attention,
    convolutions,
    gather,
    linear,
    norms,
    pointwise,
    reductions,
    resizing,
    scatter,
    sources,
    views,
)

__all__ = ["TABLE", "Unsupported"]
