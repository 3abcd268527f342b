"""strata export MODULE:FUNCTION [-o DIR], strata export model.onnx, strata export model.pt2"""

import importlib
import os
import sys

_DESCRIPTION = """Exports a model to a bundle, the folder that `strata serve` runs.

MODULE:FUNCTION names a Python function without arguments that returns a strata.export.Exportable: the model, example
inputs, and which dims are dynamic. MODULE may be a module on the path or in this folder, or a file (model.py).

FILE is a model.onnx, whose open dims --dim gives a range or a size, or a model.pt2, an archive of torch.export.save.
--example has the inputs to compare with (otherwise random numbers, and zeros and ones where it wants integers)."""

_EPILOG = """examples:
  strata export strata.models.digits:exportable
  strata export strata.models.bert:exportable -o bundles/minilm
  strata export my_model.py:exportable --name ranker
  strata export my_model.py:exportable --quantize int8
  strata export model.onnx --dim batch=1..64 --dim sequence=1..512 --example inputs.safetensors
  strata export my_model.py:exportable --explain --rewrites=-gates"""


def add(commands):
    parser = commands.add_parser("export", help="a model to a bundle", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("source", metavar="MODULE:FUNCTION | FILE", help="what makes the model; model.onnx, model.pt2")
    parser.add_argument("-o", "--output", metavar="DIR", help="the bundle's folder (NAME.bundle)")
    parser.add_argument("--name", help="what the service calls the model, instead of the Exportable's own name")
    parser.add_argument(
        "--rewrites", metavar="NAMES", default="", help="rules to switch on or off: views,-gates; none; fast (all)"
    )
    parser.add_argument("--dim", action="append", metavar="NAME=LOW..HIGH", help="of a FILE: a dim's range or size")
    parser.add_argument("--example", metavar="FILE", help="of a FILE: inputs, a .safetensors")
    parser.add_argument("--quantize", choices=("int8", "bf16"), help="in fewer bits; says how far that is from float32")
    parser.add_argument("--explain", action="store_true", help="show what each rewrite did to the plan")
    parser.set_defaults(call=run)
    return parser


def _load(source):
    """The function that MODULE:FUNCTION names."""
    module, colon, function = source.rpartition(":")
    if not colon or not module or not function:
        raise ValueError(f"{source!r} is no MODULE:FUNCTION, such as strata.models.digits:exportable")
    if module.endswith(".py"):
        if not os.path.isfile(module):
            raise FileNotFoundError(f"there is no file {module}")
        folder, name = os.path.split(os.path.abspath(module))
        name = name.removesuffix(".py")
    else:
        folder, name = os.getcwd(), module
    sys.path.insert(0, folder)
    try:
        loaded = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise ValueError(f"there is no module {error.name} (looked on the path and in {folder})") from error
        raise ValueError(f"{module} imports {error.name}, which is not installed") from error
    if not callable(getattr(loaded, function, None)):
        raise ValueError(f"{module} has no function {function}")
    return getattr(loaded, function)


def _made(args):
    """The Exportable that the source stands for."""
    from . import _files

    if args.source.endswith(_files.ENDINGS):
        print(f"reading {args.source}", flush=True)
        return _files.exportable(args)
    if args.dim or args.example:
        raise ValueError("--dim and --example are for models from files")
    make = _load(args.source)
    from strata import export

    print(f"making the model: {args.source}", flush=True)
    made = make()
    if not isinstance(made, export.Exportable):
        raise ValueError(f"{args.source} returned a {type(made).__name__}, wanted a strata.export.Exportable")
    return made


def run(args):
    rewrites = [word for word in args.rewrites.split(",") if word]
    if args.source.endswith(".pt2"):
        from . import _files

        path = _files.export_pt2(args, rewrites)
        print(f"serve it with: strata serve {path}")
        return 0
    made = _made(args)
    from strata import export

    if args.name:
        made.name = args.name
    path = args.output or f"{made.name}.bundle"
    print(f"exporting {made.name}: trace, lower to Strata's operators, run the plan for the golden", flush=True)
    report = export(**vars(made), path=path, rewrites=rewrites, quantize=args.quantize)
    if args.explain:
        print(report.explain())
    print(report)
    print(f"serve it with: strata serve {path}")
    return 0
