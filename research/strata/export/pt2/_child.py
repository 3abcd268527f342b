"""The process that reads an archive: `python -m strata.export.pt2._child`, started by the parent alone. It reads
options and the checked archive from standard input, locks itself, and writes a bundle's files to standard output: a
line of JSON with their sizes, then their bytes."""

import io
import json
import os
import sys
import tempfile
import warnings

import torch
import torch.export._trace

from .. import _bundle, _entries, _report
from .._errors import ExportError
from .._plan import Constants
from ..lowerings import TABLE
from . import _sandbox


class _Positional(torch.nn.Module):
    """The program's own module, called with the plan's inputs by name."""

    def __init__(self, program, names):
        super().__init__()
        self.own, self.names, self.spec = program.module(), names, program.call_spec.in_spec

    def forward(self, **inputs):
        args, kwargs = torch.utils._pytree.tree_unflatten([inputs.get(n) for n in self.names], self.spec)
        return self.own(*args, **kwargs)

    def get_buffer(self, name):
        return self.own.get_buffer(name)


def _example(fake, seed):
    """Numbers for an input: random; zeros and ones where it wants integers. Sizes are the saved example's."""
    shape = [s if isinstance(s, int) else s.node.hint or 3 for s in fake.shape]
    generator = torch.Generator().manual_seed(seed)
    if fake.dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(fake.dtype)
    return torch.randint(0, 2, shape, generator=generator).to(fake.dtype)


def _dims(fakes, constraints):
    """{input: {axis: Dim}}: a name for every symbol that is an input's whole size, D0, D1, ... in order."""
    named, made = {}, {}
    for name, fake in fakes.items():
        for axis, size in enumerate(fake.shape):
            symbol = getattr(getattr(size, "node", None), "expr", None)
            if symbol is None or not symbol.is_Symbol:
                continue
            if symbol not in named:
                held = constraints.get(symbol)
                low, high = (max(int(held.lower), 1), held.upper) if held is not None else (1, None)
                high = int(high) if high is not None and high.is_Integer else None
                named[symbol] = torch.export.Dim(f"D{len(named)}", min=low, max=high)
            made.setdefault(name, {})[axis] = named[symbol]
    return made


class _Loaded(_entries.Traced):
    """A saved program, ready to be lowered."""

    def __init__(self, program, example):
        from .. import _lower

        decompositions = torch.export.default_decompositions()
        for overload in TABLE:
            decompositions.pop(overload, None)
        self.program, self.output_names = program.run_decompositions(decompositions), None
        self.names = _lower.input_names(self.program)
        fakes = {n.name: n.meta["val"] for n in self.program.graph.nodes
                 if n.op == "placeholder" and n.name in self.names and isinstance(n.meta.get("val"), torch.Tensor)}
        if len(fakes) != len(self.names):
            raise ExportError("the program has arguments that are no tensors: they are not supported in archives")
        self.model = _Positional(program, self.names)
        self.dims = _dims(fakes, self.program.range_constraints)
        made = {name: _example(fake, at) for at, (name, fake) in enumerate(fakes.items())}
        if unknown := sorted(set(example) - set(made)):
            raise ExportError(f"the program has no input {unknown[0]!r}; it has {', '.join(made)}")
        self.examples = [made | example]


def _run(options, archive, example):
    """(the report's words, {file: bytes})."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.load(io.BytesIO(archive))
        traced, constants = _Loaded(program, example), Constants()
        made = {"forward": _entries.finish(traced, constants, _entries.Options(**options["options"]))}
    contents = _bundle.pack(
        name=options["name"], entries=made, weights=constants.tensors, quantize=options["options"]["quantize"],
        provenance={"source": options["source"]},
    )  # fmt: skip
    return str(_report.report(options["path"], made, constants.tensors, options["options"]["quantize"])), contents


def main():
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print does not go between the bytes
    torch.set_num_threads(1)
    tempfile.tempdir = os.sep  # named by modules as they load; nothing can be written there or elsewhere
    from safetensors.torch import load

    header = json.loads(sys.stdin.buffer.readline())
    archive, example = (sys.stdin.buffer.read(size) for size in header["sizes"])
    said = _sandbox.lock(header["memory"], header["seconds"])
    try:
        words, contents = _run(header, archive, load(example) if example else {})
        answer = {"report": words, "locked": said, "files": {name: len(data) for name, data in contents.items()}}
    except Exception as error:
        answer, contents = {"error": str(error) if isinstance(error, ExportError) else repr(error)[:2000]}, {}
    out.write(json.dumps(answer).encode() + b"\n")
    for data in contents.values():
        out.write(data)
    out.flush()


if __name__ == "__main__":
    main()
