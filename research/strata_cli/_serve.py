"""strata serve BUNDLE... [--port N] [server flags]"""

import pathlib

from . import _native

_DESCRIPTION = """Serves bundles over HTTP: becomes strata-server, one C++ process without Python and torch.

It validates every bundle and replays its golden first; it does not serve one that gives other bits than research did.
Flags that are not named here go to strata-server as they are; `strata serve --help-server` lists them."""

_EPILOG = """examples:
  strata serve minilm.bundle digits.bundle
  strata serve minilm.bundle --port 9000 --threads=2
  curl localhost:8080/v2/models/minilm"""


def add(commands):
    parser = commands.add_parser("serve", help="serve bundles over HTTP", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("bundles", metavar="BUNDLE", nargs="*", help="folders that strata export wrote")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one and prints it (8080)")
    parser.add_argument("--help-server", action="store_true", help="the server's own flags")
    parser.set_defaults(call=run, passes_flags=True)
    return parser


def run(args):
    if args.help_server:
        _native.become("strata-server", "systems/server", ["--help"])
    if not args.bundles:
        raise ValueError("no bundle was named: strata serve BUNDLE... (strata export makes one)")
    if not 0 <= args.port <= 65535:
        raise ValueError(f"--port is {args.port}, wanted 0 to 65535")
    for bundle in args.bundles:
        if not (pathlib.Path(bundle) / "manifest.json").is_file():
            raise FileNotFoundError(f"{bundle} is no bundle: it has no manifest.json")
    _native.become("strata-server", "systems/server", [f"--port={args.port}", *args.rest, *args.bundles])
