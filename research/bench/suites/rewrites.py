"""What the exporter's rewrites make of plans: kernels and views as lowered, rewritten, and with the rules that change
bits; and whether the rewritten plan has the bits of the one as lowered."""

import contextlib
import json
import os
import pathlib
import warnings

import torch

from strata.export import _lower
from strata.runtime import Plan

from . import coverage

UNIT = "kernels"
MODELS = ("bert", "gpt2", "llama", "t5", "vit", "swin", "whisper_encoder", "resnet", "convnext", "ddpm_unet", "dit")
HEAD = ["architecture", "kernels, views", "rewritten", "with `fast`", "same bits", "largest difference of `fast`, ulp"]


def _counts(plan):
    kernels = sum("op" in step for step in plan.entry["steps"])
    return kernels, len(plan.entry["steps"]) - kernels


def attempt(case):
    """([(kernels, views)] of the three plans, whether the second has the first's bits, the third's difference)."""
    from strata.export._report import difference

    model, inputs, dims = case.build()
    letters = {n: torch.export.Dim(n, min=low, max=high) for n, (low, high) in coverage.RANGES.items()}
    shapes = {n: {d: letters[letter] for d, letter in of.items()} for n, of in dims.items()}
    with warnings.catch_warnings(), open(os.devnull, "w") as quiet, contextlib.redirect_stderr(quiet):
        warnings.simplefilter("ignore")
        program = _lower.trace(model, (), inputs, shapes)
        plans = [Plan(*_lower.lower(program, shapes, rewrites=on)) for on in (["none"], [], ["fast"])]
    plain, usual, fast = (plan(**inputs) for plan in plans)
    same = all(torch.equal(plain[name], usual[name]) for name in plain)
    return [_counts(plan) for plan in plans], same, max(difference(fast[name], plain[name]) for name in plain)


def run(options, progress, match, folder, command):
    """Prints the table; the JSON line's object."""
    from zoo.cases import cases

    torch.set_num_threads(options.threads)
    chosen = [name for name in MODELS if match(name)]
    chosen = chosen[-1:] if options.tiny else chosen[::3] if options.quick else chosen
    progress.total, lines, ratios, passed = len(chosen), [], [], 0
    for name in chosen:
        progress.note = name
        counts, same, apart = attempt(cases()[name])
        ratios.append(counts[1][0] / counts[0][0])
        passed += same
        cells = [f"{kernels}, {views}" for kernels, views in counts]
        lines.append([name, *cells, "yes" if same else "NO", f"{apart:.3g}"])
        progress.step()
    progress.clear()
    print("\n".join(coverage.table(lines, HEAD)))
    if folder:
        print("wrote", _page(folder, lines, command))
    ratio = sum(ratios) / max(1, len(ratios))
    print(json.dumps({"suite": "rewrites", "ratio": round(ratio, 4), "worst": round(max(ratios, default=0), 4),
                      "passed": passed, "cases": len(ratios)}))  # fmt: skip
    return 0 if passed == len(ratios) else 1


def _page(folder, lines, command):
    text = [
        "# rewrites: what they make of plans", "",
        f"`{command}`, torch {torch.__version__}. The zoo's small configurations. Copies count as kernels. What each "
        "rule does: [the rules](../design/export.md#rewrites); `strata export --explain` shows it on a model.", "",
        "|" + "|".join(HEAD) + "|", "|" + "---|" * len(HEAD), *("|" + "|".join(line) + "|" for line in lines), "",
    ]  # fmt: skip
    path = pathlib.Path(folder) / "rewrites.md"
    path.write_text("\n".join(text))
    return path
