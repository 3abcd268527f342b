"""tools/bench SUITE: runs a suite, prints a table and, as the last line, one JSON object."""

import argparse
import importlib
import json
import os
import pathlib
import shlex
import sys

SUITES = {
    "roof": "bandwidth of each memory level, peaks of the arithmetic units",
    "gemm": "matrix products: squares, MiniLM's shapes, backward; float32, bfloat16, int8",
    "decode": "linear with 1 to 8 rows, in every weight format",
    "attention": "forward and backward, causal too, lengths 128 to 4,096",
    "rows": "norms, softmax, pointwise chains, cross-entropy; forward and backward",
    "calls": "what one call costs, on tensors of 16 elements",
    "conv": "convolutions of ResNet-50, MobileNetV3, EfficientNet, a U-Net, ViT and Whisper",
    "train": "a training step of a MiniLM-sized encoder, batch 32 x 128",
    "mandelbrot": "the ladder from CPython through NumPy to the operator",
    "models": "whole models as they are deployed: MiniLM in three precisions, pictures, sound",
    "coverage": "which architectures export, and are served with research's bits",
    "rewrites": "what the exporter's rewrites make of plans",
}


def _count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def parse(arguments):
    suites = "\n".join(f"  {name:<11}{what}" for name, what in SUITES.items())
    parser = argparse.ArgumentParser(
        prog="tools/bench",
        description="Strata beside its peers and beside what this machine can do.\n\nsuites:\n" + suites
        + "\n\ngoals runs nothing: it makes goals.md again from the CSVs in the folder.",
        epilog="How to read what it prints: docs/benchmarks.md.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suite", choices=[*SUITES, "goals"], metavar="SUITE", help="one of the above, or goals")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="within 45 seconds when built: fewer cases and rounds, no torch.compile, writes nothing",
    )
    parser.add_argument("--threads", type=_count, help="threads of every side (all cores, 2 at most; calls: 1)")
    parser.add_argument("--rounds", type=_count, help="rounds; medians are shown (15; quick: 5)")
    parser.add_argument("--match", default="", metavar="TEXT", help="only cases whose name has TEXT")
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        metavar="FOLDER",
        help="where CSV, picture and page go (docs/benchmarks; quick: nowhere)",
    )
    return parser.parse_args(arguments)


def options_of(args):
    from .runner import Options

    threads = args.threads or (1 if args.suite == "calls" else min(2, os.cpu_count() or 1))
    if args.quick:
        return Options(threads, args.rounds or 5, True, slice_s=0.005, budget_s=1.0, total_s=25.0)
    return Options(threads, args.rounds or 15, False, slice_s=0.02, budget_s=8.0, total_s=100.0)


def _docs():
    return pathlib.Path(__file__).resolve().parents[2] / "docs" / "benchmarks"


def run(args, command, options=None):
    """Prints the table and the JSON line; the exit status, 1 where a result was wrong."""
    import torch

    from . import goals, machine, report, runner
    from .progress import Progress

    torch.manual_seed(0)
    options = options or options_of(args)
    suite = importlib.import_module(f".suites.{args.suite}", __package__)
    progress = Progress(1, args.suite)
    folder = args.out or (None if args.quick else _docs())
    if hasattr(suite, "run"):  # no times: its own table
        return suite.run(options, progress, lambda name: args.match in name, folder, command)
    roofs = suite.measure(options, progress) if args.suite == "roof" else machine.roofs(options.threads, options.quick)
    try:
        with torch.no_grad():
            results = runner.run(suite, options, roofs, progress, lambda name: args.match in name)
    finally:
        progress.clear()
    if not results and args.match:
        raise ValueError(f"no case of {args.suite} has {args.match!r} in its name")
    cells = suite.rows(results) if hasattr(suite, "rows") else report.rows(results, suite.UNIT)
    print("\n".join([*report.context(options, command), *report.table(*cells)]), flush=True)
    if not roofs.values:
        print("no roofs: bazel build //kernels/bench:roof")
    if folder:
        name = f"{args.suite}-{options.threads}t"
        written = report.write(
            folder, name, f"{args.suite}: {SUITES[args.suite]}", results, cells, suite.UNIT, options, command, roofs
        )
        print("wrote " + ", ".join(str(p) for p in [*written, goals.write(folder)]))
    print(json.dumps(runner.summary(args.suite, results)))
    return 1 if any(r.wrong for r in results) else 0


def main(arguments):
    args = parse(arguments)
    try:
        if args.suite == "goals":
            from . import goals

            print("wrote", goals.write(args.out or _docs()))
            return 0
        return run(args, "tools/bench " + shlex.join(arguments))
    except KeyboardInterrupt:
        print("bench: stopped", file=sys.stderr)
        return 130
    except (ImportError, FileNotFoundError, RuntimeError, ValueError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
