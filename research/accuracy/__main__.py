"""The accuracy table: errors of every operator in units of the last place, beside PyTorch's on the same inputs.

    tools/accuracy             # writes docs/accuracy.md; two minutes
    tools/accuracy --check     # a smaller sweep, printed; exit status 1 where ours is worse than stated
"""

import argparse
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

The largest error, and in brackets the root of the mean square, on their test samples and on rows as models have them
(three seeds), against PyTorch in float64 on the same inputs. The unit is the last place of the element, or of the
output's mean magnitude where that is larger: a sum that cancels is as exact as its terms allow. PyTorch's side is the
operator's definition in plain PyTorch (`kernels/ops/<op>/<op>.py`). Bold goes by the figure in brackets: the largest of
thousands of errors of two orders of one sum is as likely ours as theirs, and another with the next seed.

"""


def _cell(pair, worse):
    text = f"{pair[0]:.3g} ({pair[1]:.2g})"
    return f"**{text}**" if worse else text


def _table(rows):
    lines = ["| | dtype | ours | PyTorch | numbers |", "|---|---|---|---|---|"]
    for name, dtype, mine, theirs, count in rows:
        worse = limits.is_worse(name, mine, theirs)
        cells = name, str(dtype).removeprefix("torch."), _cell(mine, worse), _cell(theirs, False)
        lines.append("| " + " | ".join([*cells, f"{count:,}"]) + " |")
    return "\n".join(lines) + "\n"


def function_rows(thorough):
    for name in functions.FUNCTIONS:
        for dtype in functions.PRECISION:
            (mine, theirs), count = functions.measure(name, dtype, thorough)
            yield name, dtype, mine, theirs, count


def operator_rows():
    for name in operators.names():
        for dtype in (torch.float32, torch.bfloat16):
            for part, ((mine, theirs), count) in operators.measure(name, dtype).items():
                yield name + (" backward" if part == "backward" else ""), dtype, mine, theirs, count


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
            print(*row[:2], "ours {:.3g} ({:.2g})".format(*row[2]), "torch {:.3g} ({:.2g})".format(*row[3]), flush=True)
    worse = [row for row in rows["functions"] + rows["operators"] if limits.too_large(*row[:4])]
    for row in worse:
        print("larger than PyTorch's and than stated in research/accuracy/limits.py:", *row[:4])
    if not args.check:
        where = f"{processor()}, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
        head = _HEAD.format(where=where, float32="every 61st number")
        PATH.write_text(head + _table(rows["functions"]) + _OPERATORS + _table(rows["operators"]))
        print(f"wrote {PATH}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
