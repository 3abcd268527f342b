"""The ladder: the same iteration counts from CPython to the operator. Every rung does every iteration.

The slow rungs count a part of the picture: every n-th row, and the time is multiplied by n (the table says so). Rungs
agree in all but a few points: who fuses a multiply-add, and in which order, moves points on the edge.
"""

import ctypes
import functools

import numpy
import torch

from strata import ops

from .. import machine
from ..case import Case

UNIT = ""
_ITERATIONS = 1000


def coordinates(size):
    """x -2 to 0.47, y -1.12 to 1.12"""
    return numpy.linspace(-2, 0.47, size), numpy.linspace(-1.12, 1.12, size)


def cpython(re, im):
    counts = []
    for y in im.tolist():
        row = []
        for x in re.tolist():
            c, z, n = complex(x, y), 0j, 0
            while n < _ITERATIONS and z.real * z.real + z.imag * z.imag <= 4:
                z = z * z + c
                n += 1
            row.append(n)
        counts.append(row)
    return torch.tensor(counts, dtype=torch.int32)


def numpy_masked(re, im):
    c = re[None, :] + 1j * im[:, None]
    z, counts = numpy.zeros_like(c), numpy.zeros(c.shape, numpy.int32)
    for _ in range(_ITERATIONS):
        inside = z.real**2 + z.imag**2 <= 4
        counts += inside
        z[inside] = z[inside] ** 2 + c[inside]
    return torch.from_numpy(counts)


def numpy_compacted(re, im):
    """Only the points that are still inside are kept."""
    c = (re[None, :] + 1j * im[:, None]).ravel()
    counts, z, at = numpy.zeros(c.shape, numpy.int32), numpy.zeros_like(c), numpy.arange(c.size)
    for n in range(_ITERATIONS):
        inside = z.real**2 + z.imag**2 <= 4
        if not inside.all():
            counts[at[~inside]] = n
            z, c, at = z[inside], c[inside], at[inside]
        z = z * z + c
    counts[at] = _ITERATIONS
    return torch.from_numpy(counts).view(len(im), len(re))


@functools.cache
def _library():
    """std::complex and the typed scalar loop, as C++ gives them without help: kernels/bench/ladder.cc."""
    library = ctypes.CDLL(machine.find("libladder.so"))
    for function in (library.ladder_complex, library.ladder_scalar):
        function.restype = None
    return library


def _native(name):
    def rung(re, im):
        out = torch.empty(len(im), len(re), dtype=torch.int32)
        pointers = (ctypes.c_void_p(a.ctypes.data) for a in (re, im))
        getattr(_library(), name)(
            *pointers,
            ctypes.c_int64(len(re)),
            ctypes.c_int64(len(im)),
            ctypes.c_int64(_ITERATIONS),
            ctypes.c_void_p(out.data_ptr()),
        )
        return out

    return rung


# (rung, function, every n-th row, and in a quick run)
_RUNGS = (
    ("CPython", cpython, 128, 1024),
    ("NumPy, masked", numpy_masked, 64, 512),
    ("NumPy, compacted", numpy_compacted, 32, 256),
    ("C++ std::complex", _native("ladder_complex"), 32, 128),
    ("C++ typed scalar", _native("ladder_scalar"), 16, 64),
)
_ONE = "strata, 1 thread"


def _compare(parts):
    def compare(ours, theirs, side):
        want = ours[:: parts.get(side, 1)]
        wrong = int((want != theirs).sum())
        return "" if wrong <= 1 + want.numel() // 500 else f"{wrong} of {want.numel()} points have another count"

    return compare


def _case(size, options):
    re, im = coordinates(size)
    whole = torch.from_numpy(re), torch.from_numpy(im)
    parts = {name: min(size, quick if options.quick else full) for name, _, full, quick in _RUNGS}

    def one_thread():
        torch.set_num_threads(1)
        try:
            return ops.mandelbrot(*whole, _ITERATIONS)
        finally:
            torch.set_num_threads(options.threads)

    rows = {name: numpy.ascontiguousarray(im[:: parts[name]]) for name, *_ in _RUNGS}
    sides = {name: lambda f=rung, r=rows[name]: f(re, r) for name, rung, *_ in _RUNGS}
    steps = float(ops.mandelbrot(*whole, _ITERATIONS).sum())
    # Four slots of the multiply-add units a step: three multiply-adds, and an addition that many processors do there.
    return Case(
        f"{size}x{size}, {_ITERATIONS} iterations",
        lambda: ops.mandelbrot(*whole, _ITERATIONS),
        sides | {_ONE: one_thread},
        work=8 * steps,
        roof="fma_f64",
        dtype="float64",
        compare=_compare(parts),
        scale=parts,
        aside=(_ONE,),
    )


def cases(options):
    size = 32 if options.tiny else 4096
    yield f"{size}x{size}", lambda: _case(size, options)


def rows(results):
    """The ladder: one line a rung."""
    header = ["rung", "rows counted", "seconds for all", "G iterations/s", "times CPython", "± %", "roof %"]
    lines = []
    for r in results:
        if not r.times:
            lines.append([r.name, r.wrong or r.skipped])
            continue
        slowest = r.times["CPython"].median
        for side in [*(s for s in r.times if s != "strata"), "strata"]:
            t, part = r.times[side], r.scale.get(side, 1)
            share = r.rate(side) / r.roof * 100 if r.roof and side == "strata" else 0
            lines.append(
                [
                    side,
                    "all" if part == 1 else f"1 of {part}",
                    f"{t.median:.3g}",
                    f"{r.rate(side) / 8e9:.3g}",
                    f"{slowest / t.median:.3g}",
                    f"{100 * t.spread:.0f}",
                    f"{share:.0f}" if share else "-",
                ]
            )
    return header, lines
