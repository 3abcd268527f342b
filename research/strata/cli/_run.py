"""strata run BUNDLE [--native]"""

import json
import pathlib
import sys

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from . import _native

_DESCRIPTION = """Runs a bundle once for each request, without a server.

Requests are lines of JSON on standard input, {"inputs": {"x": [[1, 2]]}}; every answer is a line, {"outputs": {...}}.
An input that holds run ends (cu_seqlens) may be left out: then the request is one sequence. This is the plan in Python,
step by step through torch.ops.strata: what the service must equal. --native runs the service's own engine, strata-run,
and passes further flags on to it."""

_EPILOG = """examples:
  echo '{"inputs": {"ids": [101, 7592, 102]}}' | strata run minilm.bundle
  strata run digits.bundle --input scans.safetensors --output answers.safetensors
  strata run digits.bundle --native --golden"""


def add(commands):
    parser = commands.add_parser(
        "run", help="run a bundle on JSON or safetensors", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("bundle", metavar="BUNDLE")
    parser.add_argument("--entry", help="the entry point (the bundle's default one)")
    parser.add_argument(
        "--input", metavar="FILE", help="inputs from FILE: .safetensors, or .json with requests in lines"
    )
    parser.add_argument("--output", metavar="FILE", help="outputs to FILE, a .safetensors (standard output, as JSON)")
    parser.add_argument("--native", action="store_true", help="with the C++ engine")
    parser.set_defaults(call=run, passes_flags=True)
    return parser


def _native_arguments(args):
    named = {"entry": args.entry, "input": args.input, "output": args.output}
    return [args.bundle, *(f"--{key}={value}" for key, value in named.items() if value), *args.rest]


def _tensor(name, value, spec):
    if isinstance(value, dict):  # {"shape": [0, 8], "data": []}: sizes that nesting cannot say
        return _tensor(name, value["data"], spec).reshape(value["shape"])
    try:
        made = torch.tensor(_numbers(value), dtype=torch.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(f"input {name}: {error}") from error
    if not spec["dtype"].startswith(("float", "bfloat")):
        if not torch.equal(made, made.round()):
            raise ValueError(f"input {name} has numbers that are not whole, wanted {spec['dtype']}")
        made = torch.tensor(value, dtype=torch.int64)
    return made.to(getattr(torch, spec["dtype"]))


def _numbers(value):
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def _request(text, plan):
    try:
        inputs = json.loads(text)["inputs"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError('a request is a line of JSON such as {"inputs": {"x": [[1, 2]]}}') from error
    if not isinstance(inputs, dict):
        raise ValueError('"inputs" is no object of input names')
    specs = {spec["name"]: spec for spec in plan.entry["inputs"]}
    if unknown := sorted(set(inputs) - set(specs)):
        raise ValueError(f"unknown input {unknown[0]}; the bundle has {', '.join(specs)}")
    return {name: _tensor(name, value, specs[name]) for name, value in inputs.items()}


def _with_offsets(inputs, plan, layouts):
    """Adds the run ends of one sequence where the request has none."""
    made = dict(inputs)
    for spec in plan.entry["inputs"]:
        if layouts.get(spec["name"]) == "offsets" and spec["name"] not in made:
            ragged = next(made[n] for n, kind in layouts.items() if kind == "ragged" and n in made)
            made[spec["name"]] = torch.tensor([0, len(ragged)], dtype=getattr(torch, spec["dtype"]))
    return made


def _number(value):
    # The shortest decimal that reads back as the same float32.
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {True: "NaN", False: "Infinity" if value > 0 else "-Infinity"}[value != value]
    return value


def _lists(tensor):
    if tensor.dtype in (torch.float32, torch.bfloat16, torch.float16):
        array = tensor.to(torch.float32).numpy()
        flat = [_number(float(str(v))) for v in array.ravel()]
    else:
        flat = [_number(v) for v in tensor.flatten().tolist()]
    for size in reversed(tensor.shape[1:]):
        flat = (
            [flat[i * size : (i + 1) * size] for i in range(len(flat) // size)]
            if size
            else [[] for _ in range(len(tensor))]
        )
    return flat if tensor.dim() else flat[0]


def run(args):
    if args.native:
        _native.become("strata-run", "systems/runtime", _native_arguments(args))
    if args.rest:
        raise ValueError(f"unknown arguments: {' '.join(args.rest)} (only --native passes flags on)")
    from .. import runtime

    bundle = pathlib.Path(args.bundle)
    if not (bundle / "manifest.json").is_file():
        raise FileNotFoundError(f"{bundle} is no bundle: it has no manifest.json")
    plan = runtime.load(bundle, args.entry)
    manifest = json.loads((bundle / "manifest.json").read_text())
    layouts = manifest["entry_points"][args.entry or manifest["default_entry_point"]]["layouts"]
    if args.input and args.input.endswith(".safetensors"):
        try:
            requests = [load_file(args.input)]
        except SafetensorError as error:
            raise ValueError(f"{args.input}: {error}") from error
    else:
        lines = pathlib.Path(args.input).read_text().splitlines() if args.input else sys.stdin
        requests = (_request(line, plan) for line in lines if line.strip())
    for inputs in requests:
        outputs = plan(**_with_offsets(inputs, plan, layouts))
        if args.output:
            save_file(outputs, args.output)
        else:
            print(json.dumps({"outputs": {name: _lists(t) for name, t in outputs.items()}}), flush=True)
    return 0
