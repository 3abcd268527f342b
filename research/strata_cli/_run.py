"""strata run BUNDLE [--native]"""

import json
import pathlib

from . import _native

_DESCRIPTION = """Runs a bundle once for each request, without a server.

Requests are lines of JSON on standard input, {"inputs": {"x": [[1, 2]]}}; every answer is a line, {"outputs": {...}}.
An input that holds run ends (cu_seqlens) may be left out: then the request is one sequence; one that holds state, too:
then it is the first call's. This is the plan in Python,
step by step through torch.ops.strata: what the service must equal. --native runs the service's own engine, strata-run,
and passes further flags on to it; --profile, --trace and --memory are that engine's."""

_EPILOG = """examples:
  echo '{"inputs": {"ids": [101, 7592, 102]}}' | strata run minilm.bundle
  strata run digits.bundle --input scans.safetensors --output answers.safetensors
  strata run digits.bundle --native --golden
  strata run digits.bundle --input scans.safetensors --profile --trace steps.json"""


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
    parser.add_argument("--profile", action="store_true", help="what each operator took (with the C++ engine)")
    parser.add_argument("--trace", metavar="FILE", help="every step into FILE, a Chrome trace (with the C++ engine)")
    parser.add_argument("--memory", action="store_true", help="what runs take, and no run (with the C++ engine)")
    parser.set_defaults(call=run, passes_flags=True)
    return parser


def _native_arguments(args):
    named = {"entry": args.entry, "input": args.input, "output": args.output, "trace": args.trace}
    switches = [f"--{key}" for key in ("profile", "memory") if getattr(args, key)]
    return [args.bundle, *(f"--{key}={value}" for key, value in named.items() if value), *switches, *args.rest]


def run(args):
    if args.native or args.profile or args.trace or args.memory:
        _native.become("strata-run", "systems/runtime", _native_arguments(args))
    if args.rest:
        raise ValueError(f"unknown arguments: {' '.join(args.rest)} (only --native passes flags on)")
    from safetensors.torch import save_file

    from strata import runtime

    from . import _requests

    bundle = pathlib.Path(args.bundle)
    if not (bundle / "manifest.json").is_file():
        raise FileNotFoundError(f"{bundle} is no bundle: it has no manifest.json")
    plan = runtime.load(bundle, args.entry)
    manifest = json.loads((bundle / "manifest.json").read_text())
    layouts = manifest["entry_points"][args.entry or manifest["default_entry_point"]].get("layouts", {})
    for inputs in _requests.read(args.input, plan):
        outputs = plan(**(plan.state() | _requests.with_offsets(inputs, plan, layouts)))
        if args.output:
            save_file(outputs, args.output)
        else:
            print(_requests.as_json(outputs), flush=True)
    return 0
