"""The command line: `strata export | serve | run | inspect | ops | tune`. Start it with tools/strata, or
python -m strata_cli. It is a package beside strata, because that one imports torch: `strata serve` needs neither.

Every command is a module with `add(commands)`, which makes its parser, and a function that the parser names as `call`;
it returns the exit code. Anything that a user can get wrong ends in one sentence and exit code 1 (2 for a wrong command
line, as argparse does it); --debug shows the traceback.
"""

import argparse
import sys
import traceback

__all__ = ["main"]

_EPILOG = """examples:
  strata export strata.models.bert:exportable -o minilm.bundle
  strata inspect minilm.bundle
  strata serve minilm.bundle --port 8080
  echo '{"inputs": {"ids": [101, 7592, 102]}}' | strata run minilm.bundle
  strata ops attention

strata COMMAND --help says more about each."""


def _parser():
    from . import _export, _inspect, _ops, _run, _serve, _tune

    parser = argparse.ArgumentParser(
        prog="strata", description="PyTorch models to a service that gives the same bits.", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    for module in (_export, _serve, _run, _inspect, _ops, _tune):
        made = module.add(commands)
        made.formatter_class, made.allow_abbrev = argparse.RawDescriptionHelpFormatter, False
        made.add_argument("--debug", action="store_true", help="on an error, show the traceback")
    return parser


def _sentence(error):
    # str() of a KeyError is the key in quotes, which says nothing.
    text = f"{error.args[0]} is missing" if isinstance(error, KeyError) and error.args else str(error)
    return text or type(error).__name__


def main(arguments=None):
    """Runs one command line (sys.argv's without one). Returns the exit code."""
    parser = _parser()
    args, rest = parser.parse_known_args(arguments)
    if args.version:
        from strata import __version__

        print(f"strata {__version__}")
        return 0
    if args.command is None:
        parser.print_help()
        return 2
    if rest and not getattr(args, "passes_flags", False):
        parser.error(f"unknown arguments: {' '.join(rest)} (strata {args.command} --help)")
    args.rest = rest
    try:
        return args.call(args) or 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `strata ops | head`
        sys.stdout = None
        return 0
    except Exception as error:
        if args.debug:
            traceback.print_exc()
        print(f"strata {args.command}: {_sentence(error)}", file=sys.stderr)
        return 1
