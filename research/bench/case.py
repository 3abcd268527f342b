"""A case: one piece of work, who does it, how much work it is, and what limits it.

Case("linear 16x384 -> 1536", ours=lambda: ops.linear(x, w), peers={"eager": lambda: F.linear(x, w)},
     work=2 * 16 * 384 * 1536, roof="fma_f32")
"""

import dataclasses
import importlib.util
from collections.abc import Callable

import torch

# How far two sides may be apart, relative to the element plus the mean magnitude: a few roundings of each dtype over
# sums of thousands of terms. The operators' own tests are far stricter; this one finds the wrong work.
TOLERANCE = {torch.float32: 2e-4, torch.float64: 1e-11, torch.bfloat16: 3e-2, torch.float16: 4e-3}


@dataclasses.dataclass
class Case:
    name: str
    ours: Callable | None = None
    peers: dict[str, Callable] = dataclasses.field(default_factory=dict)
    work: float = 0.0  # operations or bytes of one call; 0: only the time counts
    roof: str = ""  # a name of machine.Roofs; "" where nothing is compared
    bytes: float = 0.0  # moved at least, for the roofline; equals work where work is in bytes
    dtype: str = "float32"
    # Largest difference from a peer; None: by dtype. compare(ours, theirs, side) -> "" or a sentence takes its place.
    tolerance: float | None = None
    compare: Callable | None = None
    # Sides that do a part of the work: their times are multiplied by this.
    scale: dict[str, int] = dataclasses.field(default_factory=dict)
    grad: bool = False  # timed where PyTorch records gradients
    skipped: str = ""  # why there is nothing to run
    # Peers that are left out of the ratio, with the reason in the name: another precision, say.
    aside: tuple[str, ...] = ()


def skip(name, reason):
    return Case(name, skipped=reason)


def missing(*names):
    """Why the operators cannot be timed, or "" where the table has them all."""
    from strata import ops

    absent = [n for n in names if n not in ops.schemas]
    return f"no operator {', '.join(absent)} in this build" if absent else ""


def installed(module):
    return importlib.util.find_spec(module) is not None


def _tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if hasattr(value, "tensor"):  # ONNX Runtime's bound output
        return [value.tensor()]
    return [t for v in value if v is not None for t in _tensors(v)] if isinstance(value, (tuple, list)) else []


def difference(ours, theirs, tolerance=None):
    """ "" where the two agree, else what is wrong."""
    ours, theirs = _tensors(ours), _tensors(theirs)
    if len(ours) != len(theirs):
        return f"{len(ours)} results, the peer has {len(theirs)}"
    for got, want in zip(ours, theirs):
        if got.numel() != want.numel():
            return f"shape {list(got.shape)}, the peer has {list(want.shape)}"
        allowed = tolerance if tolerance is not None else TOLERANCE.get(got.dtype, 0.0)
        if got.numel() == 0:
            continue
        error = _largest_error(got.detach().flatten(), want.detach().flatten())
        if not error <= allowed:
            return f"relative difference {error:.2g}, allowed {allowed:.2g}"
    return ""


def _largest_error(got, want, piece=1 << 18):
    """Relative to the element plus the mean magnitude, in float64; piece by piece, which stays in the caches."""
    scale = sum(float(w.double().abs().sum()) for w in want.split(piece)) / want.numel() + 1e-30
    worst = 0.0
    for g, w in zip(got.split(piece), want.split(piece)):
        w = w.double()
        error = float(((g.double() - w).abs() / (w.abs() + scale)).max())
        if error != error:
            return error
        worst = max(worst, error)
    return worst
