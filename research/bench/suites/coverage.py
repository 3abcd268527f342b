"""Which architectures export: each is exported, and its bundle replayed by the runtime, which compares every bit with
what research computed at two batch sizes and lengths."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
import warnings

import torch

from strata import export

UNIT = "models"
RANGES = {"B": (1, 64), "S": (1, 48), "T": (1, 48)}


def _shorter(inputs, dims):
    """Other lengths: every dim that is not the batch, two shorter."""
    made = {}
    for name, tensor in inputs.items():
        for dim, letter in dims.get(name, {}).items():
            if letter != "B":
                tensor = tensor.narrow(dim, 0, max(1, tensor.shape[dim] - 2))
        made[name] = tensor.contiguous()
    return made


def _export(name, case, folder):
    """The exporter's report on the bundle in `folder`."""
    model, inputs, dims = case.build()
    letters = {n: torch.export.Dim(n, min=low, max=high) for n, (low, high) in RANGES.items()}
    shapes = {n: {d: letters[letter] for d, letter in of.items()} for n, of in dims.items()}
    more = [_shorter(inputs, dims)] if any(set(of.values()) - {"B"} for of in dims.values()) else []
    return export(model, inputs, path=folder, name=name, dynamic_shapes=shapes, more_examples=more)


def _runner():
    """The program that STRATA_RUN names, a test's, or the checkout's."""
    root = pathlib.Path(__file__).absolute().parents[3]
    places = [root / "systems" / "runtime" / "strata-run", root / "bazel-bin" / "systems" / "runtime" / "strata-run"]
    found = os.environ.get("STRATA_RUN") or next((str(p) for p in places if p.exists()), None)
    if found is None:
        raise FileNotFoundError("there is no strata-run: bazel build //systems/runtime:strata-run")
    return found


def _serve(folder):
    """ "" where the runtime's bits are research's, else what it says."""
    done = subprocess.run([_runner(), folder, "--golden"], capture_output=True, text=True, timeout=120)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit status {done.returncode}"


def attempt(name, case):
    """{"passed", "steps", "ulp", "seconds", "said"} of one architecture."""
    began = time.monotonic()
    made = {"passed": False, "steps": 0, "ulp": 0.0, "said": ""}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            path = os.path.join(folder, "bundle")
            with open(os.devnull, "w") as quiet, contextlib.redirect_stderr(quiet):
                report = _export(name, case, path)
            made |= {"steps": report.steps, "ulp": max(report.differences.values(), default=0.0)}
            made["said"] = _serve(path)
            made["passed"] = not made["said"]
        except Exception as error:  # whatever a library of models does: the others are tried
            made["said"] = f"{type(error).__name__}: {error}"
    return made | {"seconds": time.monotonic() - began}


def _line(name, source, made):
    said = made["said"].replace("\n", " ")
    said = said if len(said) < 150 else said[:147] + "..."
    return [name, source, "yes" if made["passed"] else "NO", str(made["steps"]), f"{made['ulp']:.3g}",
            f"{made['seconds']:.1f} s", said]  # fmt: skip


HEAD = ["architecture", "from", "served = research", "steps", "from eager, ulp", "took", ""]


def table(lines, head=HEAD):
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(line, widths)).rstrip() for line in [head, *lines]]


def _page(folder, lines, command, summary):
    text = [
        "# coverage: which architectures export", "",
        f"`{command}`, torch {torch.__version__}. Random weights, small configurations, two batch sizes and lengths. "
        "\"from eager\": the largest difference from the unmodified model, in units of the last place of its largest "
        "magnitude.", "",
        f"{summary['passed']} of {summary['cases']} pass.", "",
        "|" + "|".join(HEAD) + "|", "|" + "---|" * len(HEAD), *("|" + "|".join(line) + "|" for line in lines), "",
    ]  # fmt: skip
    path = pathlib.Path(folder) / "coverage.md"
    path.write_text("\n".join(text))
    return path


def run(options, progress, match, folder, command):
    """Prints the table; the JSON line's object."""
    from zoo.cases import cases

    _runner()  # says what is missing before anything is exported
    torch.set_num_threads(options.threads)
    chosen = {name: case for name, case in cases().items() if match(name)}
    if options.tiny:
        chosen = {n: c for n, c in chosen.items() if n in ("mlp_mixer", "dlrm")}
    elif options.quick:
        chosen = {n: c for i, (n, c) in enumerate(chosen.items()) if i % 6 == 0}
    progress.total, lines, results = len(chosen), [], []
    for name, case in chosen.items():
        progress.note = name
        results.append(attempt(name, case))
        lines.append(_line(name, case.source, results[-1]))
        progress.step()
    progress.clear()
    passed = sum(r["passed"] for r in results)
    finite = [r["ulp"] for r in results if r["passed"]]
    summary = {"suite": "coverage", "ratio": round(passed / max(1, len(results)), 4), "worst": max(finite, default=0.0),
               "passed": passed, "cases": len(results)}  # fmt: skip
    print("\n".join(table(lines)))
    if folder:
        print("wrote", _page(folder, lines, command, summary))
    print(json.dumps(summary))
    return 0 if passed == len(results) else 1
