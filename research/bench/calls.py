"""What one call costs: Strata's operators beside PyTorch's own, on tensors so small that the kernel takes no time.

    PYTHONPATH=research .venv/bin/python research/bench/calls.py
"""

import argparse
import statistics
import time

import torch
from torch.nn import functional as F

from strata import ops


def cases(size):
    """[(group, name, needs gradients, function)]; the first of a group is what the others are compared with."""
    for grad in (False, True):
        x = torch.randn(2, size, requires_grad=grad)
        w, b, m = (torch.randn(*s, requires_grad=grad) for s in ((size,), (size,), (size, size)))
        what = "with grad" if grad else "no grad"
        yield f"one input, {what}", [
            ("torch.neg", lambda x=x: torch.neg(x)),
            ("F.gelu", lambda x=x: F.gelu(x)),
            ("strata.ops.gelu", lambda x=x: ops.gelu(x)),
            ("torch.ops.strata.gelu", lambda x=x: torch.ops.strata.gelu(x)),
        ]
        yield f"rms_norm, {what}", [
            ("F.rms_norm", lambda x=x, w=w: F.rms_norm(x, (size,), w, 1e-6)),
            ("strata.ops.rms_norm", lambda x=x, w=w: ops.rms_norm(x, w)),
            ("torch.ops.strata.rms_norm", lambda x=x, w=w: torch.ops.strata.rms_norm(x, w)),
        ]
        yield f"linear, {what}", [
            ("F.linear", lambda x=x, m=m, b=b: F.linear(x, m, b)),
            ("strata.ops.linear", lambda x=x, m=m, b=b: ops.linear(x, m, b)),
            ("torch.ops.strata.linear", lambda x=x, m=m, b=b: torch.ops.strata.linear(x, m, b)),
        ]


def measure(functions, calls, rounds):
    """Microseconds of a call: (median, smallest, largest) over the rounds; functions take turns, so that noise hits
    all."""
    taken = [[] for _ in functions]
    for _ in range(rounds):
        for function, times in zip(functions, taken):
            start = time.perf_counter()
            for _ in range(calls):
                function()
            times.append((time.perf_counter() - start) / calls * 1e6)
    return [(statistics.median(t), min(t), max(t)) for t in taken]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000, help="calls in a round (2000)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds; the median is shown (15)")
    parser.add_argument("--size", type=int, default=8, help="width of the tensors, of two rows (8)")
    parser.add_argument("--threads", type=int, default=1, help="PyTorch's threads (1)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(
        f"torch {torch.__version__}, [2, {args.size}] float32, {args.threads} thread(s), microseconds a forward call"
    )
    print(f"{'':36}{'median':>8}{'min':>8}{'max':>8}{'ratio':>8}")
    for group, rows in cases(args.size):
        print(group)
        measure([f for _, f in rows], 200, 1)  # warm
        found = measure([f for _, f in rows], args.calls, args.rounds)
        for (name, _), (median, low, high) in zip(rows, found):
            print(f"  {name:<34}{median:8.2f}{low:8.2f}{high:8.2f}{median / found[0][0]:8.2f}")


if __name__ == "__main__":
    main()
