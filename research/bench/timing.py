"""Times functions that take turns, so that a noisy moment hits all of them."""

import dataclasses
import statistics
import time


@dataclasses.dataclass(frozen=True)
class Times:
    """Seconds of one call: the median of the rounds, and half the distance of the quartiles as a part of it."""

    median: float
    spread: float
    rounds: int

    @classmethod
    def of(cls, taken):
        middle = statistics.median(taken)
        low, _, high = statistics.quantiles(taken, n=4) if len(taken) > 2 else (min(taken), 0, max(taken))
        return cls(middle, (high - low) / 2 / middle if middle else 0.0, len(taken))

    def scaled(self, factor):
        return dataclasses.replace(self, median=self.median * factor)


def _calls(function, slice_s, most=100000):
    """(calls that fill a slice of time, seconds of one); also warms up."""
    function()
    calls = 1
    while calls < most:
        start = time.perf_counter()
        for _ in range(calls):
            function()
        taken = time.perf_counter() - start
        if taken >= slice_s / 2:
            return max(1, min(most, round(calls * slice_s / taken))), taken / calls
        calls *= 4
    return most, slice_s / most


def alternate(functions, rounds, slice_s=0.01, budget_s=10.0, tick=None):
    """Times of each function. Fewer rounds than asked for where they would take over budget_s, but three at least."""
    counts, guesses = zip(*(_calls(f, slice_s) for f in functions))
    one = sum((c + 1) * g for c, g in zip(counts, guesses))
    rounds = max(3, min(rounds, int(budget_s / one))) if rounds > 3 else rounds
    taken = [[] for _ in functions]
    for at in range(rounds):
        for function, calls, times in zip(functions, counts, taken):
            function()  # untimed: by its end the other side's threads sleep and the caches are this side's
            start = time.perf_counter()
            for _ in range(calls):
                function()
            times.append((time.perf_counter() - start) / calls)
        if tick:
            tick((at + 1) / rounds)
    return [Times.of(t) for t in taken]
