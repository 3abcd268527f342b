"""Type stubs of strata.ops, made from the operators' table, for editors and type checkers.

    python -m strata.ops.stubs            # writes research/strata/ops/__init__.pyi
    python -m strata.ops.stubs --check    # says whether it is fresh, with exit code 1 where it is not
"""

import pathlib
import sys
import textwrap

from . import _schema, schemas

PATH = pathlib.Path(__file__).with_name("__init__.pyi")

_HEAD = '''# Made by `python -m strata.ops.stubs` from the operators' table. Do not edit.
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, Literal

from torch import Tensor

from ._schema import Schema
from ._which import Choice

schemas: dict[str, Schema]

def definition(name: str) -> ModuleType | None: ...
def which(name: str | Callable[..., Any], *args: Any, **attrs: Any) -> Choice: ...
def load_tuning(text: str) -> None: ...
def prepared_weights(enabled: bool) -> AbstractContextManager[None]: ...

# An operator that is newer than this file.
def __getattr__(name: str) -> Callable[..., Any]: ...
'''

_TYPES = {"float": "float", "int": "int", "bool": "bool", "text": "str"}


def _attr(attr: _schema.Attr) -> str:
    if attr.kind == "choice":
        words = ", ".join(f'"{word}"' for word in attr.choices)
        return f'{attr.name}: Literal[{words}] | int = "{attr.decode(attr.default)}"'
    return f"{attr.name}: {_TYPES[attr.kind]} = {attr.default!r}"


def _input(arg: _schema.Arg) -> str:
    if arg.list:
        return f"{arg.name}: Sequence[Tensor]" + (" = ()" if arg.optional else "")
    return f"{arg.name}: Tensor | None = None" if arg.optional else f"{arg.name}: Tensor"


def signature(schema: _schema.Schema) -> str:
    """The Python signature of an operator's front function: "gelu(x: Tensor, ...) -> Tensor"."""
    inputs = [_input(a) for a in schema.inputs]
    outputs = ", ".join("list[Tensor]" if o.list else "Tensor" for o in schema.outputs)
    result = f"tuple[{outputs}]" if len(schema.outputs) > 1 else outputs or "None"
    return f"{schema.name}({', '.join([*inputs, *map(_attr, schema.attrs)])}) -> {result}"


def text() -> str:
    """The whole stub file."""
    functions = []
    for schema in schemas.values():
        line = f"def {signature(schema)}:"
        if len(line) > 120:
            head, _, tail = line.partition("(")
            arguments, _, result = tail.rpartition(") -> ")
            line = f"{head}(\n    " + _split(arguments) + f",\n) -> {result}"
        doc = "\n    ".join(textwrap.wrap(schema.doc, 110))
        functions.append(f'{line}\n    """{doc}"""\n')
    return _HEAD + "\n" + "\n".join(functions)


def _split(arguments: str) -> str:
    """One argument a line; a comma inside brackets is no end."""
    parts, depth = [""], 0
    for letter in arguments:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return ",\n    ".join(part.strip() for part in parts)


def main(arguments: list[str]) -> int:
    fresh = PATH.exists() and PATH.read_text() == text()
    if arguments == ["--check"]:
        print(f"{PATH.name} is {'fresh' if fresh else 'old: run python -m strata.ops.stubs'}")
        return 0 if fresh else 1
    if arguments:
        print(__doc__)
        return 0 if arguments == ["--help"] else 2
    if not fresh:
        PATH.write_text(text())
    print(f"{PATH}: {len(schemas)} operators")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
