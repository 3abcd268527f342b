"""strata ops [NAME]"""

import difflib

_DESCRIPTION = """Lists the operators of the kernel library; with a NAME, one in full."""

_EPILOG = """examples:
  strata ops
  strata ops attention
  strata ops --backward"""


def add(commands):
    parser = commands.add_parser("ops", help="the operators there are", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("name", metavar="NAME", nargs="?", help="one operator, in full")
    parser.add_argument("--backward", action="store_true", help="list gradients, too")
    parser.set_defaults(call=run)
    return parser


def _show(ops, name):
    from strata.ops.stubs import signature

    if name not in ops.schemas:
        near = difflib.get_close_matches(name, ops.schemas, 1)
        raise ValueError(
            f"there is no operator {name}" + (f"; did you mean {near[0]}?" if near else "; see strata ops")
        )
    schema = ops.schemas[name]
    print(signature(schema))
    print()
    print(getattr(ops, name).__doc__)
    print()
    gradient = name + "_backward" in ops.schemas or hasattr(ops.definition(name), "backward")
    print(f"Gradient: {'yes' if gradient else 'no'}")
    print(f"Schema: {schema.hash}  strata::{schema.torch}")
    print("Kernels, the first that fits is taken:")
    for row in schema.variants:
        print(f"    {row['name']} ({row['device']}, numerics {row['numerics']})")


def run(args):
    from strata import ops

    if args.name:
        _show(ops, args.name)
        return 0
    shown = [n for n in ops.schemas if args.backward or not n.endswith("_backward")]
    width = max(map(len, shown))
    for name in shown:
        print(f"{name:<{width}}  {ops.schemas[name].doc}")
    return 0
