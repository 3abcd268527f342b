"""The accuracy table: errors of every operator in units of the last place, beside PyTorch's on the same inputs.

    tools/accuracy             # writes docs/accuracy.md; three minutes
    tools/accuracy --check     # a smaller sweep, printed; exit status 1 where ours is worse than stated
"""

import argparse
import dataclasses
import pathlib
import sys

import torch

from . import functions, limits, operators

PATH = pathlib.Path(__file__).parents[2] / "docs" / "accuracy.md"
_HEAD = """# Accuracy

Made by `tools/accuracy`; do not edit. {where}.

Errors in units of the last place (ulp). An error of 0.5 is a correctly rounded result; figures below 0.51 are as good
as each other. **Bold**: ours is larger than PyTorch's.

## Elementary functions

The largest error, and the mean in brackets, as steps of the expression operator `pointwise`. float32: {float32},
denormals, and neighbours of every break and end, against float64. bfloat16: every number. float64: hard inputs against
60 digits (mpmath). sigmoid from -87 on: below, where e^-x overflows, ours and PyTorch's are both 0 for float32.

"""
_OPERATORS = """
## Operators

The largest error, and in brackets the root of the mean square, on their test samples, on rows as models have them, and
on hard ones: sums that cancel, rows far from zero, large and small values
([`inputs.py`](../research/accuracy/inputs.py)), with {seeds} seeds, against PyTorch in float64 on the same inputs. The
unit is the last place of the element, or of the output's mean magnitude where that is larger: a sum that cancels is as
exact as its terms allow. PyTorch's side is the operator's definition in plain PyTorch (`kernels/ops/<op>/<op>.py`).
Bold goes by the figure in brackets: ours is larger with each of the seeds, and by more than half a percent in all. (The
largest of thousands of errors of two orders of one sum is as likely ours as theirs, and another with the next seed.)

"""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line; each side is a largest error and a mean one."""

    name: str
    dtype: torch.dtype
    ours: tuple
    theirs: tuple
    count: int
    worse: bool  # bold
    too_large: bool

    def cells(self):
        ours, theirs = (f"{largest:.3g} ({mean:.2g})" for largest, mean in (self.ours, self.theirs))
        dtype = str(self.dtype).removeprefix("torch.")
        return self.name, dtype, f"**{ours}**" if self.worse else ours, theirs, f"{self.count:,}"


def _table(rows):
    lines = ["| | dtype | ours | PyTorch | numbers |", "|---|---|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(row.cells()) + " |" for row in rows]) + "\n"


def function_rows(thorough):
    for name in functions.FUNCTIONS:
        for dtype in functions.PRECISION:
            (mine, theirs), count = functions.measure(name, dtype, thorough)
            worse = limits.is_worse_function(mine, theirs)
            yield Row(name, dtype, mine, theirs, count, worse, worse)


def operator_rows():
    for name in operators.names():
        for dtype in limits.SMALL:
            for part, (mine, theirs) in operators.measure(name, dtype).items():
                label = name + (" backward" if part == "backward" else "")
                yield Row(label, dtype, (mine.largest, mine.root), (theirs.largest, theirs.root), sum(mine.counts),
                          limits.is_worse_operator(mine, theirs), limits.too_large(dtype, mine, theirs))


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def main():
    torch.manual_seed(0)
    parser = argparse.ArgumentParser(prog="tools/accuracy", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="a smaller sweep that writes nothing")
    args = parser.parse_args()
    rows = {"functions": [], "operators": []}
    for kind, made in (("functions", function_rows(not args.check)), ("operators", operator_rows())):
        for row in made:
            rows[kind].append(row)
            print(" | ".join(row.cells()), flush=True)
    worse = [row for row in rows["functions"] + rows["operators"] if row.too_large]
    for row in worse:
        print("larger than PyTorch's (research/accuracy/limits.py):", " | ".join(row.cells()))
    if not args.check:
        where = f"{processor()}, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
        head = _HEAD.format(where=where, float32="every 61st number")
        between = _OPERATORS.format(seeds=len(operators.SEEDS))
        PATH.write_text(head + _table(rows["functions"]) + between + _table(rows["operators"]))
        print(f"wrote {PATH}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
