"""Times functions that take turns, so that a noisy moment hits all of them."""

import dataclasses
import statistics
import time


@dataclasses.dataclass(frozen=True)
class Times:
    """Seconds of one call: the median of the samples, and half the distance of the quartiles as a part of it."""

    median: float
    spread: float
    samples: int

    @classmethod
    def of(cls, taken):
        middle = statistics.median(taken)
        low, _, high = statistics.quantiles(taken, n=4) if len(taken) > 2 else (min(taken), 0, max(taken))
        return cls(middle, (high - low) / 2 / middle if middle else 0.0, len(taken))

    def scaled(self, factor):
        return dataclasses.replace(self, median=self.median * factor)


def _calls(function, least_s=5e-5, most=10000):
    """(calls that make one sample, seconds of it): a single one, or enough to be longer than a look at the clock."""
    function()
    calls = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            function()
        taken = time.perf_counter() - start
        if taken >= least_s or calls >= most:
            return calls, taken
        calls *= 2


def _slice(function, calls, slice_s, samples):
    """Adds samples until the slice is over; one at least."""
    function()  # untimed: by its end the other side's threads sleep and the caches are this side's
    end = time.perf_counter() + slice_s
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            function()
        now = time.perf_counter()
        samples.append((now - start) / calls)
        if now >= end:
            return


def alternate(functions, rounds, slice_s=0.01, budget_s=10.0, tick=None):
    """Times of each function. Fewer rounds than asked for where they would take over budget_s, but three at least.

    A side's figure is the median of all its samples, each as short as can be: a moment in which the machine does
    something else spoils one sample, not a slice.
    """
    counts, guesses = zip(*(_calls(f) for f in functions))
    one = sum(max(slice_s, 2 * guess) for guess in guesses)
    rounds = max(3, min(rounds, int(budget_s / one))) if rounds > 3 else rounds
    samples = [[] for _ in functions]
    for at in range(rounds):
        for function, calls, kept in zip(functions, counts, samples):
            _slice(function, calls, slice_s, kept)
        if tick:
            tick((at + 1) / rounds)
    return [Times.of(kept) for kept in samples]
