"""Strata's kernels beside PyTorch's on the shapes of MiniLM and on squares: linear (its weight packed at every call, as in
research) and variable-length attention. Checked first, then timed in turns; GFLOP/s are medians.

    PYTHONPATH=research .venv/bin/python research/bench/kernels.py --threads 2
"""

import argparse
import math
import pathlib
import statistics
import time

import torch
from torch.nn import functional as F

from strata import ops

SQUARES = [(512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048)]
MINILM = [(rows, i, o) for rows in (16, 128, 1024, 4096) for i, o in ((384, 384), (384, 1536), (1536, 384))]


def linear_cases():
    """(name, floating-point operations, ours, theirs)"""
    for rows, inputs, outputs in SQUARES + MINILM:
        x, w, b = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(outputs)
        yield (f"linear {rows} x {inputs} -> {outputs}", 2 * rows * inputs * outputs,
               lambda x=x, w=w, b=b: ops.linear(x, w, b), lambda x=x, w=w, b=b: F.linear(x, w, b))


def attention_cases(heads=12, width=32, tokens=4096):
    """Runs of one length, so that PyTorch's dense attention does the same work."""
    for length in (16, 64, 128, 256, 1024):
        q, k, v = (torch.randn(tokens, heads, width) for _ in range(3))
        ends = torch.arange(0, tokens + 1, length)
        dense = [t.view(tokens // length, length, heads, width).transpose(1, 2) for t in (q, k, v)]

        def theirs(dense=dense):
            return F.scaled_dot_product_attention(*dense).transpose(1, 2).reshape(tokens, heads, width)

        yield (f"attention {tokens // length} x {length}, {heads} heads of {width}", 4 * tokens * length * heads * width,
               lambda q=q, k=k, v=v, ends=ends: ops.attention(q, k, v, ends), theirs)


def seconds(functions, rounds):
    """Medians; the functions take turns, so that noise hits all."""
    taken = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(rounds):
        for function, times in zip(functions, taken):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
    return [statistics.median(t) for t in taken]


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="threads of both (1)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds; medians are shown (9)")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    print(f"{processor()}, torch {torch.__version__}, float32, {args.threads} thread(s), GFLOP/s")
    print(f"{'':40}{'strata':>9}{'torch':>9}{'ratio':>8}")
    ratios = []
    with torch.no_grad():
        for name, work, ours, theirs in [*linear_cases(), *attention_cases()]:
            torch.testing.assert_close(ours(), theirs(), rtol=1e-4, atol=1e-3)
            mine, other = seconds([ours, theirs], args.rounds)
            ratios.append(other / mine)
            print(f"{name:<40}{work / mine / 1e9:9.1f}{work / other / 1e9:9.1f}{ratios[-1]:8.2f}", flush=True)
    mean = math.exp(statistics.mean(map(math.log, ratios)))
    print(f"{'geometric mean, worst':<40}{'':18}{mean:8.2f}{min(ratios):8.2f}")


if __name__ == "__main__":
    main()
