"""Archives of torch.export.save: checked, read by a process that can neither write files nor use the network, and its
answer, a bundle, treated as any bundle is: as bytes that nobody vouches for.

    print(strata.export.from_pt2("model.pt2", path="model.bundle", name="model"))
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import torch

from .. import _bundle, _quantize
from .._errors import ExportError
from ._check import checked

_MEMORY, _SECONDS = 32 << 30, 600
_FILES = ("manifest.json", "plan.json", "weights.safetensors", "golden.safetensors")


def from_pt2(source, *, path, name, example=None, rewrites=(), quantize=None, tolerance=1024.0):
    """Exports the archive `source` to the bundle `path`; dims are called D0, D1, ... in the order of the inputs.

    Args:
        example: {input: tensor} to compare with; otherwise random numbers, zeros and ones for integers.
        rewrites, quantize ("int8"), tolerance: as of `strata.export`.

    Returns: what the report says, and how the process was locked.
    Raises: ExportError for an archive that holds more than a program, and for what the exporter cannot do.
    """
    _quantize.check(quantize)
    if quantize == "bf16":
        raise ExportError("a saved program has its dtypes: quantize='bf16' needs the model itself")
    from safetensors.torch import save

    try:
        archive, _ = checked(pathlib.Path(source).read_bytes())
    except OSError as error:
        raise ExportError(f"{source}: {error.strerror}") from error
    given = save({n: t.contiguous() for n, t in example.items()}) if example else b""
    header = {
        "name": name, "source": pathlib.Path(source).name, "path": str(path), "memory": _MEMORY, "seconds": _SECONDS,
        "sizes": [len(archive), len(given)],
        "options": {"tolerance": tolerance, "rewrites": list(rewrites), "quantize": quantize},
    }  # fmt: skip
    answer, contents = _ask(json.dumps(header).encode() + b"\n" + archive + given, 4 * len(archive) + (1 << 30))
    _replayed(contents)
    _bundle.install(path, name, contents)
    return f"{answer['report']}\nread by a process of its own, with {answer['locked']}"


def _ask(request, most):
    """The child's answer and its files."""
    command = [sys.executable, "-m", "strata.export.pt2._child"]
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)}  # as it is here
    done = subprocess.run(command, input=request, capture_output=True, timeout=2 * _SECONDS, env=found)
    head, _, rest = done.stdout.partition(b"\n")
    try:
        answer = json.loads(head)
    except ValueError as error:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        said = f"the process that reads the archive ended with {done.returncode}: {last[0][:300]}"
        raise ExportError(said) from error
    if "error" in answer:
        raise ExportError(str(answer["error"]))
    if tuple(answer["files"]) != _FILES or sum(answer["files"].values()) != len(rest) or len(rest) > most:
        raise ExportError("the process that reads the archive gave something else than a bundle")
    contents, at = {}, 0
    for name, size in answer["files"].items():
        contents[name], at = rest[at : at + size], at + size
    return answer, contents


def _replayed(contents):
    """Runs the golden here: the bundle's plan must give it, whoever wrote it."""
    from ... import runtime

    with tempfile.TemporaryDirectory() as folder:
        for name, data in contents.items():
            (pathlib.Path(folder) / name).write_bytes(data)
        plan = runtime.load(folder)
        from safetensors.torch import load

        golden = load(contents["golden.safetensors"])
        for case in {name.split("/")[1] for name in golden}:
            parts = {kind: {n.split("/", 3)[3]: t for n, t in golden.items() if n.startswith(f"forward/{case}/{kind}/")}
                     for kind in ("in", "out")}  # fmt: skip
            for output, value in plan(**parts["in"]).items():
                if not torch.equal(value.nan_to_num(), parts["out"][output].nan_to_num()):
                    raise ExportError(f"the bundle's output {output} is not what its golden says")
