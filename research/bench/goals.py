"""The goals, and what the committed runs say of each: `tools/bench goals` makes docs/benchmarks/goals.md of the CSVs.

No figure of that page is written by hand, so that none can be better than its run.
"""

import csv
import dataclasses
import pathlib
import re

from . import runner


@dataclasses.dataclass(frozen=True)
class Goal:
    work: str
    suite: str
    threads: tuple  # of the runs that count
    cases: str  # a pattern that the whole name matches
    dtypes: tuple = ("float32",)
    roof: float = 0.0  # least share of what the machine can do; 0: none is asked
    least: float = 0.0  # least ratio of every case; 0: none is asked
    mean: float = 0.0  # least geometric mean of the ratios
    peers: tuple = ()  # the sides that count; (): all


# What the goals name: norms, softmax, pointwise chains, cross_entropy; not sums and copies.
_ROWS = r"(?!sum|variance|segment_pool|embedding|rotary|copy|concat).* "
_SQUARE, _MINILM = r"linear (?:int8 )?(\d+)x\1 -> \1", r"linear \d+x(?:384 -> 384|384 -> 1536|1536 -> 384)"
GOALS = (
    Goal("GEMM, squares, float32", "gemm", (1, 2), _SQUARE, roof=0.92, least=1.0, peers=("eager",)),
    Goal("GEMM, squares, bfloat16", "gemm", (1, 2), _SQUARE, ("bfloat16",), roof=0.88, least=1.0),
    Goal("GEMM, squares, int8", "gemm", (1, 2), _SQUARE, ("int8",), roof=0.90, least=1.0),
    Goal("MiniLM shapes, float32", "gemm", (1, 2), _MINILM, least=1.15, peers=("eager",)),
    Goal("MiniLM shapes, ONNX Runtime", "gemm", (1, 2), _MINILM, least=1.0, peers=("ort",)),
    Goal("linear, 1 to 8 rows", "decode", (2,), r"linear [148]x.*", (), roof=0.90, least=1.0),
    Goal("rows of 4,096", "rows", (2,), _ROWS + "4096x4096", roof=0.90, least=1.0, mean=1.5),
    Goal("rows of 384", "rows", (2,), _ROWS + "64x384", roof=0.90, least=1.0, mean=1.5),
    Goal("attention", "attention", (1, 2), r"forward.* 12 heads of \d+(?:, causal)?", least=1.3),
    Goal("training step, eager", "train", (2,), r"encoder .*", (), least=1.2, peers=("eager",)),
    Goal("training step, compile", "train", (2,), r"encoder .*", (), least=1.1, peers=("compile",)),
    Goal("a call without gradient: strata.ops", "calls", (1,), r"strata\.ops\.\w+(?:, inference.*)?", least=1 / 1.5),
    Goal("the same: torch.ops.strata", "calls", (1,), r"torch\.ops\.strata\.\w+(?:, inference.*)?", least=1 / 1.5),
    Goal("Mandelbrot, float64", "mandelbrot", (2,), r"4096x4096.*", (), roof=0.90),
)


@dataclasses.dataclass
class Found:
    """One case of one run."""

    name: str
    fraction: float
    ratio: float


def _cases(path, goal):
    sides = {}
    with open(path, newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            timed = row["outputs"] == "reused" and row["median_s"] and row["note"] != "aside"
            if timed and re.fullmatch(goal.cases, row["case"]) and (not goal.dtypes or row["dtype"] in goal.dtypes):
                sides.setdefault((row["case"], row["dtype"]), {})[row["side"]] = row
    for (name, _), rows in sides.items():
        ours = rows.pop("strata")
        times = [float(row["median_s"]) for side, row in rows.items() if not goal.peers or side in goal.peers]
        roof = float(ours["roof_per_s"])
        yield Found(
            name,
            float(ours["work_per_s"]) / roof if roof else 0.0,
            min(times) / float(ours["median_s"]) if times else 0.0,
        )


def _range(values, show):
    values = [v for v in values if v]
    if not values:
        return "-"
    low, high = show(min(values)), show(max(values))
    return low if low == high else f"{low} to {high}"


def _percent(v):
    return f"{100 * v:.0f} %"


def _ratio(v):
    return f"{v:.2f}"


def _shorter(names):
    """The names without the words that all end with."""
    words = [n.split(" ") for n in names]
    spare = min(map(len, words)) - 1 if len(words) > 1 else 0
    tail = next((i for i in range(spare) if len({w[-1 - i] for w in words}) > 1), spare)
    return [" ".join(w[: len(w) - tail]).rstrip(",") for w in words]


def _misses(goal, found):
    for f, name in zip(found, _shorter([f.name for f in found])):
        why = [_percent(f.fraction)] * (0 < f.fraction < goal.roof) + [_ratio(f.ratio)] * (0 < f.ratio < goal.least)
        if why:
            yield f"{name} ({', '.join(why)})"


def _wanted(goal):
    parts = [f"{_percent(goal.roof)} of the roof"] if goal.roof else []
    parts += [f"ratio {_ratio(goal.least)}"] if goal.least else []
    parts += [f"{_ratio(goal.mean)} in the mean"] if goal.mean else []
    return ", ".join(parts)


def _line(goal, threads, found):
    misses, ratios = list(_misses(goal, found)), [f.ratio for f in found if f.ratio]
    shown = _range(ratios, _ratio)
    return [
        f"{goal.work} ([{threads}T]({goal.suite}-{threads}t.md))",
        _wanted(goal),
        _range([f.fraction for f in found], _percent),
        f"{shown}, mean {_ratio(runner.mean(ratios))}" if len(ratios) > 1 else shown,
        f"{len(found) - len(misses)} of {len(found)}",
        "; ".join(misses) or "-",
    ]


_HEAD = """# Goals, and what the runs on these pages say

Made by `tools/bench goals` of the CSVs beside it; do not edit. What limits the cases that miss is in
[benchmarks](../benchmarks.md#goals-and-what-was-measured).

Share: of what the machine can do, the least and the most of the cases. Ratio: the peer's time through ours, the least,
the most and the geometric mean. The peer is the best of those in the page; of PyTorch's own where a line asks for that.

|work|goal|share|ratio|cases that meet it|those that miss|
|---|---|---|---|---|---|
"""


def write(folder):
    path = pathlib.Path(folder) / "goals.md"
    path.write_text(page(folder), encoding="utf-8")
    return path


def page(folder):
    """The text of goals.md for the CSVs of `folder`; a run that is not there has no line."""
    lines = []
    for goal in GOALS:
        for threads in goal.threads:
            path = pathlib.Path(folder) / f"{goal.suite}-{threads}t.csv"
            if path.exists() and (found := list(_cases(path, goal))):
                lines.append("|" + "|".join(_line(goal, threads, found)) + "|\n")
    return _HEAD + "".join(lines)
