"""strata inspect BUNDLE"""

import collections
import json
import pathlib

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import _sizes, _svg

_DESCRIPTION = """Shows what a bundle holds: manifest, dims, inputs and outputs, steps, operators, weights with sizes.

It reads files alone: nothing is run and the operator library is not needed."""

_EPILOG = """examples:
  strata inspect minilm.bundle
  strata inspect minilm.bundle --json | jq .ops
  strata inspect minilm.bundle --svg minilm.svg --dims B=8,N=1024"""


def _input(name):
    """"t3", "-" for what is absent, "[t3 t4]" for a list."""
    return f"[{' '.join(name)}]" if isinstance(name, list) else name or "-"


def add(commands):
    parser = commands.add_parser("inspect", help="what a bundle holds", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("bundle", metavar="BUNDLE")
    parser.add_argument("--json", action="store_true", help="the manifest, with weights and steps counted, as JSON")
    parser.add_argument("--svg", metavar="FILE", help="draw the plan: a picture for any browser")
    parser.add_argument("--dims", metavar="B=1,N=128", default="", help="the sizes at which --svg counts memory")
    parser.add_argument("--entry-point", metavar="NAME", help="the one that --svg draws (the default one)")
    parser.set_defaults(call=run)
    return parser


def _read(path):
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path.parent} is no bundle: it has no {path.name}") from error
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error


def weights(path):
    """{name: (dtype, shape, bytes)} from a safetensors file's header alone."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > 100_000_000:
            raise ValueError(f"{path}: its header claims {size} bytes, more than safetensors allows")
        header = json.loads(file.read(size))
    return {
        name: (spec["dtype"], spec["shape"], spec["data_offsets"][1] - spec["data_offsets"][0])
        for name, spec in header.items() if name != "__metadata__"
    }


def _shape(shape):
    return "[" + ", ".join(map(str, shape)) + "]"


def _table(*columns):
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, options in columns:
        table.add_column(name, **options)
    return table


_PLAIN, _RIGHT = {"overflow": "fold"}, {"justify": "right"}


def _show_entry(console, name, layout, entry):
    dims = ", ".join(f"{dim} {low}..{high}" for dim, (low, high) in entry["dims"].items())
    batched = f"batched along {layout['batch_dim']}" if "batch_dim" in layout else "requests never share a batch"
    console.print(Text(f"\nentry point {name}: dims {dims or 'none'}; {batched}"))
    layouts, state = layout.get("layouts", {}), layout.get("state", {})
    for tensor, change in state.items():
        console.print(Text(f"state: {tensor}, whose next value is {change['output']}"))
    made = {o["name"]: o for step in entry["steps"] for o in step["outputs"]}
    table = _table(("tensor", _PLAIN), ("", _PLAIN), ("dtype", _PLAIN), ("shape", _PLAIN), ("in a batch", _PLAIN))
    for spec in entry["inputs"]:
        table.add_row(
            spec["name"], "input", spec["dtype"], Text(_shape(spec["shape"])), layouts.get(spec["name"], "")
        )
    for output in entry["outputs"]:
        spec = made.get(output["value"], {"dtype": "", "shape": []})
        shape = Text(_shape(spec["shape"]))
        table.add_row(
            output["name"], f"output ({output['value']})", spec["dtype"], shape, layouts.get(output["name"], "")
        )
    console.print(table)
    steps = _table(
        ("step", _RIGHT), ("operator", _PLAIN), ("inputs", _PLAIN), ("attributes", _PLAIN), ("makes", _PLAIN)
    )
    for at, step in enumerate(entry["steps"]):
        attrs = " ".join(f"{k}={v}" for k, v in step.get("attrs", {}).items())
        outputs = " ".join(f"{o['name']} {o['dtype']}{_shape(o['shape'])}" for o in step["outputs"])
        kind = step.get("op") or f"({step['view']})"
        steps.add_row(str(at), kind, Text(" ".join(map(_input, step["inputs"]))), Text(attrs), Text(outputs))
    console.print(steps)


def _dims(text):
    """{"B": 1} of "B=1"."""
    pairs = [part.partition("=") for part in text.split(",") if part]
    for _, equals, number in pairs:
        if not equals or not number.isdecimal():
            raise ValueError(f"--dims is {text!r}, wanted such as B=1,N=128")
    return {dim: int(number) for dim, _, number in pairs}


def _draw(args, manifest, plan, stored):
    name = args.entry_point or manifest["default_entry_point"]
    if name not in plan["entry_points"]:
        raise ValueError(f"there is no entry point {name}, there are {', '.join(plan['entry_points'])}")
    entry = plan["entry_points"][name]
    dims = _sizes.usual_dims(entry, manifest["entry_points"][name], _dims(args.dims))
    pathlib.Path(args.svg).write_text(_svg.draw(manifest["name"], entry, stored, dims), encoding="utf-8")
    print(f"wrote {args.svg}")
    return 0


def run(args):
    bundle = pathlib.Path(args.bundle)
    manifest, plan = _read(bundle / "manifest.json"), _read(bundle / "plan.json")
    stored = weights(bundle / "weights.safetensors")
    total = sum(size for _, _, size in stored.values())
    counts = collections.Counter(
        step.get("op", "view") for entry in plan["entry_points"].values() for step in entry["steps"]
    )
    if args.svg:
        return _draw(args, manifest, plan, stored)
    if args.json:
        print(json.dumps(manifest | {"steps": dict(counts), "weights": len(stored), "weight_bytes": total}, indent=1))
        return 0
    console = Console(soft_wrap=False, highlight=False, width=None if Console().is_terminal else 160)
    console.print(
        Text(f"{manifest['name']} version {manifest['model_version']}: {manifest['description'] or '(no description)'}")
    )
    origin = ", ".join(f"{k} {v}" for k, v in manifest["provenance"].items())
    console.print(Text(f"bundle format {manifest['version']}; {origin}; numerics {', '.join(manifest['numerics'])}"))
    for name, entry in plan["entry_points"].items():
        _show_entry(console, name, manifest["entry_points"][name], entry)
    table = _table(("operator", _PLAIN), ("steps", _RIGHT), ("schema", _PLAIN))
    for op, count in counts.most_common():
        table.add_row(op, str(count), manifest["ops"].get(op, ""))
    console.print(table)
    table = _table(("weight", _PLAIN), ("dtype", _PLAIN), ("shape", _PLAIN), ("size", _RIGHT))
    for name, (dtype, shape, size) in stored.items():
        table.add_row(name, dtype, Text(_shape(shape)), _sizes.human(size))
    table.add_section()
    table.add_row(f"{len(stored)} weights", "", "", _sizes.human(total))
    console.print(table)
    return 0
