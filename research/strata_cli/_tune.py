"""strata tune WHAT..."""

import os
import pathlib
import statistics
import tempfile
import time

_DESCRIPTION = """Measures the rows of operators' tables on this machine, for the calls of a bundle or for calls that
are named, and writes down which row is fastest where it is not the first: the tuning table, which research and the
service load at start (docs/tuning.md). It chooses among rows of one numerics class, so it changes speed and never a
result."""

_EPILOG = """examples:
  strata tune minilm.bundle                              every call of the bundle, at the sizes of its golden
  strata tune linear x=64,384 weight=1536,384            one call; sizes by argument
  strata tune linear x=1,4096 weight=4096,4096 --dtype bfloat16 --threads 1
  strata tune --show"""

_GAIN = 1.03  # a row must be faster by this to be written down: less is noise


def add(commands):
    parser = commands.add_parser(
        "tune", help="measure kernels on this machine", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument(
        "what", metavar="BUNDLE | OP ARG=SIZES", nargs="*", help="a bundle, or an operator and its sizes"
    )
    parser.add_argument("--dtype", default="float32", help="of a named call's floating-point arguments (float32)")
    parser.add_argument("--threads", type=int, default=None, help="threads to measure with (PyTorch's own number)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds; rows take turns, the median counts (15)")
    parser.add_argument(
        "--out", help="the table; lines of other calls stay (STRATA_TUNING, or the user's cache folder)"
    )
    parser.add_argument("--show", action="store_true", help="print the table and stop")
    parser.set_defaults(call=run)
    return parser


def _named_call(ops, torch, words, dtype):
    """(name, args) from ["linear", "x=64,384", ...]."""
    name, *given = words
    if name not in ops.schemas:
        raise ValueError(f"{name} is neither a bundle nor an operator (strata ops lists them)")
    schema, sizes = ops.schemas[name], {}
    for word in given:
        arg, equals, text = word.partition("=")
        if not equals or arg not in {a.name for a in schema.inputs}:
            raise ValueError(f"{word!r} is not like x=64,384 with an argument of {name}")
        try:
            sizes[arg] = [int(size) for size in text.split(",")]
        except ValueError:
            raise ValueError(f"{word!r}: the sizes are not whole numbers with commas between them") from None
    missing = [a.name for a in schema.inputs if not a.optional and a.name not in sizes]
    if missing:
        raise ValueError(f"{name} needs sizes of {', '.join(missing)}")

    def tensor(arg):
        if arg.name not in sizes:
            return None
        if "int64" in arg.dtypes:
            return torch.zeros(sizes[arg.name], dtype=torch.int64)
        kind = dtype if dtype in arg.dtypes else arg.dtypes[0]
        return torch.randn(sizes[arg.name]).to(getattr(torch, kind))

    return name, [tensor(a) for a in schema.inputs], {}


def _bundle_calls(path):
    """Every different call that the bundle makes on its golden's inputs."""
    from safetensors.torch import load_file

    from strata import runtime

    plan = runtime.load(path)
    cases = {}
    for name, tensor in load_file(pathlib.Path(path) / "golden.safetensors").items():
        _, case, side, value = name.split("/")
        if side == "in":
            cases.setdefault(case, {})[value] = tensor
    calls = []
    for inputs in cases.values():
        plan.visit(inputs, lambda step, args: calls.append((step["op"], list(args), step["attrs"])))
    return calls


class _Candidate:
    """One call whose class has several rows."""

    def __init__(self, ops, torch, name, args, attrs):
        self.schema, self.args = ops.schemas[name], args
        choice = ops.which(name, *args, **attrs)
        self.key, self.first = choice.key, choice.row
        rows = [r for r in choice.rows if self.first and r.numerics == self.first.numerics]
        self.rows = [r.row for r in rows if r.runs or r.reason.startswith("comes after")]
        values = [a.encode(attrs.get(a.name, a.default)) for a in self.schema.attrs]
        self.call = lambda: getattr(torch.ops.strata, name)(*args, *values)

    def measure(self, ops, rounds, step):
        """Median seconds of each row; they take turns."""
        taken = {row: [] for row in self.rows}
        repeat = 1
        for at in range(rounds + 1):
            for row in self.rows:
                ops.load_tuning(f"{self.key} {row}")
                start = time.perf_counter()
                for _ in range(repeat):
                    self.call()
                seconds = (time.perf_counter() - start) / repeat
                if at == 0:  # warm; a round of a row takes 2 ms or one call
                    repeat = max(repeat, min(1000, int(2e-3 / max(seconds, 1e-7))))
                else:
                    taken[row].append(seconds)
            step()
        return {row: statistics.median(times) for row, times in taken.items()}


def _read(path):
    """{key: line} of a table, comments left out."""
    lines = {}
    if path.exists():
        for line in path.read_text().splitlines():
            if text := line.split("#")[0].strip():
                lines[text.rsplit(" ", 1)[0]] = line
    return lines


def _write(path, lines):
    """All of it, or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "# Made by `strata tune` on this machine: which row runs first (docs/tuning.md).\n"
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=".tuning.")
    with os.fdopen(handle, "w") as file:
        file.write(head + "".join(line + "\n" for _, line in sorted(lines.items())))
    os.replace(made, path)


def _tune(ops, candidates, rounds, lines):
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=len(candidates) * (rounds + 1))
        for candidate in candidates:
            progress.update(task, description=candidate.key)
            found = candidate.measure(ops, rounds, lambda: progress.advance(task))
            first, best = found[candidate.rows[0]], min(found, key=found.get)
            gain = first / found[best]
            lines.pop(candidate.key, None)
            if gain >= _GAIN:
                lines[candidate.key] = f"{candidate.key} {best}  # {gain:.2f} of {candidate.rows[0]}'s speed"
            told = ", ".join(f"{row} {first / seconds:.2f}" for row, seconds in found.items())
            print(f"{candidate.key}: {best if gain >= _GAIN else candidate.rows[0]}  ({told})", flush=True)


def run(args):
    import torch

    from strata import ops
    from strata.ops import _tuning

    path = pathlib.Path(args.out) if args.out else _tuning.default_path()
    if path is None:
        raise ValueError("STRATA_TUNING is empty, which means no table: name one with --out")
    if args.show:
        print(path.read_text() if path.exists() else f"there is no table at {path}", end="\n")
        return 0
    if not args.what:
        raise ValueError("nothing to tune was named: strata tune BUNDLE, or strata tune OP ARG=SIZES (--help)")
    if args.rounds < 3:
        raise ValueError(f"--rounds is {args.rounds}, wanted 3 or more")
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    ops.load_tuning("")  # what runs first without a table
    if pathlib.Path(args.what[0], "manifest.json").exists():
        calls = [call for bundle in args.what for call in _bundle_calls(bundle)]
    else:
        calls = [_named_call(ops, torch, args.what, args.dtype)]
    candidates = {}
    for call in calls:
        candidate = _Candidate(ops, torch, *call)
        if len(candidate.rows) > 1:
            candidates.setdefault(candidate.key, candidate)
    if not candidates:
        print(
            f"none of {len(calls)} calls has more than one row of its numerics class on this machine: nothing to tune"
        )
        return 0
    lines = _read(path)
    with torch.no_grad():
        _tune(ops, list(candidates.values()), args.rounds, lines)
    _write(path, lines)
    print(f"{path}: {len(lines)} lines")
    return 0
