"""Runs the cases of a suite: checks, times, compares."""

import dataclasses
import gc
import math
import statistics

import torch

from . import heap, timing
from .case import difference


@dataclasses.dataclass
class Result:
    """What was found about one case; `times` by side, "strata" first."""

    name: str
    dtype: str
    mode: str  # "reused", or "fresh" outputs
    times: dict = dataclasses.field(default_factory=dict)
    work: float = 0.0
    bytes: float = 0.0
    roof: float = 0.0  # work a second
    aside: tuple = ()
    scale: dict = dataclasses.field(default_factory=dict)
    skipped: str = ""
    wrong: str = ""

    @property
    def best_peer(self):
        sides = [s for s in self.times if s != "strata" and s not in self.aside]
        return min(sides, key=lambda s: self.times[s].median, default="")

    @property
    def ratio(self):
        """The best peer's time through ours: above 1 we are faster. 0 where there is no peer."""
        return self.times[self.best_peer].median / self.times["strata"].median if self.best_peer else 0.0

    @property
    def fraction(self):
        """Of the roof; 0 where there is none."""
        return self.rate("strata") / self.roof if self.roof and self.times else 0.0

    def rate(self, side):
        return self.work / self.times[side].median if self.work else 0.0


@dataclasses.dataclass(frozen=True)
class Options:
    threads: int
    rounds: int
    quick: bool
    slice_s: float  # of one side in one round, at least one call
    budget_s: float  # of one case; three rounds are done in any case
    tiny: bool = False  # a test's: one small case of each kind
    total_s: float = 1e9  # of all cases: each gets its part, where that is less than budget_s


def _same(case, ours, theirs, side):
    return case.compare(ours, theirs, side) if case.compare else difference(ours, theirs, case.tolerance)


def _sides(case):
    return {"strata": case.ours, **case.peers}


def _check(case):
    """ "" where every side gives the same, else who does not, and how."""
    ours = case.ours()
    for name, peer in case.peers.items():
        if found := _same(case, ours, peer(), name):
            return f"{name}: {found}"
    return ""


def run_case(case, mode, options, roofs, tick):
    made = Result(case.name, case.dtype, mode, work=case.work, bytes=case.bytes, aside=case.aside, scale=case.scale)
    if case.skipped:
        made.skipped = case.skipped
        return made
    # Switched outside of what is timed: a context manager costs as much as a small call.
    with torch.set_grad_enabled(case.grad):
        return _timed(case, made, options, roofs, tick)


def _timed(case, made, options, roofs, tick):
    made.wrong = _check(case)
    if made.wrong:
        return made
    made.roof = roofs.of(case.roof, case.bytes or case.work) if case.roof else 0.0
    sides = _sides(case)
    found = timing.alternate(list(sides.values()), options.rounds, options.slice_s, options.budget_s, tick)
    made.times = {side: times.scaled(case.scale.get(side, 1)) for side, times in zip(sides, found)}
    return made


def _attempt(name, make, mode, options, roofs, tick):
    """One case; an exception is a wrong result of that case and not the end of the others."""
    try:
        return run_case(make(), mode, options, roofs, tick)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        return Result(name, "", mode, wrong=f"{type(error).__name__}: {str(error).splitlines()[0]}")


def run(suite, options, roofs, progress, chosen):
    """Results of the cases whose name `chosen` accepts; suite.cases(options) gives (name, function that makes it)."""
    results = []
    torch.set_num_threads(options.threads)
    picked = [(name, make) for name, make in suite.cases(options) if chosen(name)]
    fresh = [] if options.quick else [(n, m) for n, m in picked if n in getattr(suite, "FRESH", ())]
    progress.total = max(1, len(picked) + len(fresh))
    options = dataclasses.replace(options, budget_s=min(options.budget_s, options.total_s / progress.total))
    for mode, part in (("fresh", fresh), ("reused", picked)):
        if mode == "reused":
            heap.keep()
        for name, make in part:
            progress.part(0.0, name)
            results.append(_attempt(name, make, mode, options, roofs, progress.part))
            progress.step()
            gc.collect()
    return results


def mean(values):
    values = [v for v in values if v > 0]
    return math.exp(statistics.mean(map(math.log, values))) if values else None


def summary(suite, results):
    """The object of a run's last line. Fresh outputs are shown, not summed up."""
    timed = [r for r in results if r.times and r.mode == "reused"]
    ratios = [r.ratio for r in timed if r.best_peer]
    rounded = lambda v: None if v is None else round(v, 4)  # noqa: E731
    return {
        "suite": suite,
        "ratio": rounded(mean(ratios)),
        "worst": rounded(min(ratios, default=None)),
        "roof": rounded(mean([r.fraction for r in timed])),
        "cases": len(timed),
    }
