"""Errors of elementary functions in units of the last place: float32 and bfloat16 against float64, float64 against 60
digits."""

import dataclasses
import functools
import math

import mpmath
import numpy as np
import torch

from strata import ops

mpmath.mp.dps = 60


@dataclasses.dataclass(frozen=True)
class Function:
    """torch's, float64's and the exact one; `low` and `high`: where inputs end."""

    torch: object
    wide: object
    exact: object
    low: float
    high: float
    breaks: tuple = ()  # where something changes: a polynomial, a sign, a branch


def _rsqrt(x):
    return 1 / np.sqrt(x)


EXPONENT = -2.75  # of pow; a number of every dtype


def _power(x):
    return torch.pow(x, torch.full_like(x, EXPONENT))


def _of_torch(function):
    """A function of torch's in float64 on arrays."""
    return lambda x: function(torch.from_numpy(x)).numpy()


FUNCTIONS = {
    "exp": Function(torch.exp, np.exp, mpmath.exp, -745.2, 709.8, (0.0, *(k * math.log(2) / 2 for k in range(-9, 10)))),
    "log": Function(torch.log, np.log, mpmath.log, 0.0, math.inf, (1.0, 2**0.5, 0.5**0.5, 2.0)),
    "expm1": Function(torch.expm1, np.expm1, mpmath.expm1, -45.0, 709.7,
                      (0.0, *(k * math.log(2) / 2 for k in range(-9, 10)))),
    "log1p": Function(torch.log1p, np.log1p, mpmath.log1p, -1.0 + 2.0**-9, math.inf, (0.0, 2**0.5 - 1, 0.5**0.5 - 1)),
    "pow": Function(_power, lambda x: np.power(x, EXPONENT), lambda x: mpmath.power(x, EXPONENT), 0.0, math.inf,
                    (1.0, 2**0.5, 0.5**0.5)),
    "erf": Function(torch.erf, _of_torch(torch.erf), mpmath.erf, -6.1, 6.1, (0.0, 1.0, 4.0, 6.0)),
    "tanh": Function(torch.tanh, np.tanh, mpmath.tanh, -20.0, 20.0, (0.0, 0.3, 10.0)),
    "sigmoid": Function(torch.sigmoid, _of_torch(torch.sigmoid), lambda x: 1 / (1 + mpmath.exp(-x)), -87.0, 40.0,
                        (0.0,)),
    "sin": Function(torch.sin, np.sin, mpmath.sin, -math.inf, math.inf,
                    tuple(k * math.pi / 4 for k in (*range(-9, 10), 355 * 4, 10**6, 10**15))),
    "cos": Function(torch.cos, np.cos, mpmath.cos, -math.inf, math.inf,
                    tuple(k * math.pi / 4 for k in (*range(-9, 10), 355 * 4, 10**6, 10**15))),
    "rsqrt": Function(torch.rsqrt, _rsqrt, lambda x: 1 / mpmath.sqrt(x), 0.0, math.inf, (1.0, 4.0)),
}
PRECISION = {torch.float32: 24, torch.bfloat16: 8, torch.float64: 53}
SMALLEST = {torch.float32: -149, torch.bfloat16: -133, torch.float64: -1074}  # the least power of two


def ours(name, x):
    """A function of the expression operator."""
    dtype = str(x.dtype).removeprefix("torch.")
    if name == "pow":
        program = f"{dtype} x0, {dtype} x1; v0 = pow(x0, x1); return v0"
        return ops.pointwise([x, torch.full((1,), EXPONENT, dtype=x.dtype)], program)[0]
    return ops.pointwise([x], f"{dtype} x0; v0 = {name}(x0); return v0")[0]


def last_place(values, dtype):
    """One unit in the last place of float64 `values`, as the dtype has it; denormals have the smallest number's."""
    _, exponent = np.frexp(np.abs(values))
    return np.ldexp(1.0, np.maximum(exponent - PRECISION[dtype], SMALLEST[dtype]))


def hard_inputs(function, dtype, count, seed=1):
    """A tensor of inputs: random ones over the whole range and over all magnitudes, the neighbours of every break and
    end, denormals, whole numbers."""
    generator = np.random.default_rng(seed)
    low, high = max(function.low, -1e5), min(function.high, 1e5)
    info = torch.finfo(dtype)
    sign = np.where(generator.random(count) < (0.5 if function.low < 0 else 0.0), -1.0, 1.0)
    powers = np.exp2(generator.uniform(math.log2(info.tiny), math.log2(info.max) - 1e-3, count))
    near = np.exp2(generator.uniform(-30, 7, count)) * sign
    parts = [generator.uniform(low, high, count), powers * sign, near, generator.uniform(0, info.tiny, count // 8),
             np.arange(-64, 65), np.asarray(function.breaks)]
    x = torch.from_numpy(np.concatenate(parts)).to(dtype)
    edges = torch.tensor([*function.breaks, max(low, -info.max), min(high, info.max), info.tiny, info.max], dtype=dtype)
    for _ in range(16):  # floating-point neighbours on both sides
        x = torch.cat([x, edges, -edges])
        if dtype == torch.bfloat16:
            break
        edges = torch.nextafter(edges, torch.full_like(edges, math.inf))
    x = x[torch.isfinite(x)]
    return x[(x.double() >= function.low) & (x.double() <= function.high)]


def every_float(dtype, step=1, first=0, last=2**32):
    """Every step-th bit pattern of a float32, or all bfloat16 numbers; infinities and NaN left out."""
    if dtype == torch.bfloat16:
        x = torch.arange(0, 2**16).to(torch.uint16).view(torch.bfloat16)
    else:
        x = torch.from_numpy(np.arange(first, last, step, dtype=np.uint32).view(np.float32))
    return x[torch.isfinite(x)]


def errors(function, x, results):
    """The error of each result (tensors beside `x`) in units of the last place, as float64 arrays; places where the
    exact value is no finite number of the dtype are left out, as where the result is not finite either."""
    with np.errstate(all="ignore"):
        truth = function.wide(x.double().numpy())
    keep = np.isfinite(truth) & (np.abs(truth) <= torch.finfo(x.dtype).max)
    unit = last_place(truth, x.dtype)
    with np.errstate(all="ignore"):
        return [np.abs(r.double().numpy() - truth)[keep] / unit[keep] for r in results]


def exact_errors(function, x, results):
    """The same for float64: the truth is a float64 number and what it lacks, from 60 digits."""
    high, low = np.empty(len(x)), np.empty(len(x))
    for at, value in enumerate(x.tolist()):
        exact = function.exact(mpmath.mpf(value)) if value or function.low < 0 else mpmath.inf
        high[at] = float(exact)
        low[at] = float(exact - mpmath.mpf(high[at])) if math.isfinite(high[at]) else 0.0
    keep = np.isfinite(high)
    unit = last_place(high, x.dtype)
    with np.errstate(all="ignore"):
        return [np.abs((r.numpy() - high) - low)[keep] / unit[keep] for r in results]


@functools.cache
def measure(name, dtype, thorough):
    """((ours: largest, mean), (torch's: largest, mean), inputs)."""
    function = FUNCTIONS[name]
    worst, total, count = [0.0, 0.0], [0.0, 0.0], 0
    batches = [hard_inputs(function, dtype, (4000 if thorough else 300) if dtype == torch.float64 else 200_000)]
    if dtype == torch.bfloat16:
        batches = [every_float(dtype)]
    elif dtype == torch.float32 and thorough:
        batches += [every_float(dtype, 61, first, first + 2**28) for first in range(0, 2**32, 2**28)]
    for x in batches:
        x = x[(x.double() >= function.low) & (x.double() <= function.high)]
        if not len(x):
            continue
        results = [ours(name, x), function.torch(x)]
        found = (exact_errors if dtype == torch.float64 else errors)(function, x, results)
        worst = [max(w, float(e.max(initial=0.0))) for w, e in zip(worst, found)]
        total = [t + float(e.sum()) for t, e in zip(total, found)]
        count += len(found[0])
    return tuple((w, t / count) for w, t in zip(worst, total)), count
