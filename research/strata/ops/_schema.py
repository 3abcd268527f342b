"""The operators' schemas as Python values, read from the table that the library carries (kernels/core/op_schema.h)."""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Arg:
    """A tensor argument. `dims` are expressions over dim names; `leading` says that any dims may stand before them; a
    `list` is any number of tensors; a `mutated` one is written to."""

    name: str
    leading: bool
    dims: tuple
    dtypes: tuple
    type: str
    optional: bool
    strided: bool
    rule: str
    bound: str | None
    list: bool = False
    mutated: bool = False
    any_strides: bool = False


@dataclasses.dataclass(frozen=True)
class Attr:
    """An attribute; `kind` is float, int, bool, text or choice (an index into `choices`)."""

    name: str
    kind: str
    default: object
    choices: tuple

    def encode(self, value):
        """The value as torch's schema has it: a choice may be given by its word."""
        if self.kind != "choice" or not isinstance(value, str):
            return value
        if value not in self.choices:
            raise ValueError(f"{self.name} is {value!r}, wanted one of {', '.join(self.choices)}")
        return self.choices.index(value)

    def decode(self, value):
        """The word of a choice; any other value as it is."""
        return self.choices[value] if self.kind == "choice" else value


@dataclasses.dataclass(frozen=True)
class Schema:
    """One operator."""

    name: str
    doc: str
    torch: str
    hash: str
    batch: str
    segments: str
    rules: tuple  # conditions on dims and attributes: "C % (groups) == 0"
    inputs: tuple
    attrs: tuple
    outputs: tuple
    variants: tuple
    prepare: int  # the input that has a prepared form, or -1

    @property
    def plain(self):
        """True where arguments are single tensors, none is written to, and no attribute is a text: generated tests draw
        calls of such operators from their samples; the others have a test file of their own in their folder."""
        return not any(a.list or a.mutated for a in self.inputs + self.outputs) and all(
            a.kind != "text" for a in self.attrs
        )

    @property
    def mutates(self):
        return any(a.mutated for a in self.inputs)

    @property
    def signature(self):
        """Argument names in order: inputs, then attributes."""
        return tuple(a.name for a in self.inputs) + tuple(a.name for a in self.attrs)


def _arg(raw):
    dims = raw["dims"].split()
    leading = dims[:1] == ["*"]
    return Arg(
        raw["name"], leading, tuple(dims[leading:]), tuple(raw["dtypes"]), raw["type"], raw["optional"],
        raw["strided"], raw["rule"], raw.get("bound"), raw.get("list", False), raw.get("mutated", False),
        raw.get("any_strides", False),
    )


def _attr(raw):
    choices = tuple(raw["choices"].split("|")) if raw["choices"] else ()
    return Attr(raw["name"], raw["kind"], raw["default"], choices)


def parse(table):
    """{name: Schema} from the library's JSON."""
    schemas = {}
    for raw in table:
        parts = {key: tuple(map(_arg, raw[key])) for key in ("inputs", "outputs")}
        schemas[raw["name"]] = Schema(
            *(raw[key] for key in ("name", "doc", "torch", "hash", "batch", "segments")),
            tuple(raw["rules"].split(", ")) if raw["rules"] else (),
            parts["inputs"], tuple(map(_attr, raw["attrs"])), parts["outputs"], tuple(raw["variants"]),
            raw["prepare"],
        )
    return schemas


_SOLVABLE = re.compile(r"([A-Z]\w*)(?:([+-])(\d+))?")


def solve(expression, size, bound):
    """Binds a lone dim, or a dim plus a number, from a size; False where there is nothing to solve."""
    match = _SOLVABLE.fullmatch(expression)
    if not match or match[1] in bound:
        return False
    offset = int(match[3] or 0)
    bound[match[1]] = size + offset if match[2] == "-" else size - offset
    return True


def names(expression):
    """The dims and attributes that an expression is made of."""
    return set(re.findall(r"[A-Za-z_]\w*", expression))


_COMPILED = {}


# Names, numbers and arithmetic: no attribute, no text, no index. Plans come from anywhere.
_ARITHMETIC = re.compile(r"[A-Za-z0-9_+\-*/%()<>=! ]{1,512}")


def evaluate(expression, values):
    """A dim expression on ints or torch's symbolic ints; ValueError for text that is more than arithmetic."""
    if expression not in _COMPILED:
        if not _ARITHMETIC.fullmatch(expression) or "**" in expression or "<<" in expression:
            raise ValueError(f"{expression[:80]!r} is no expression of sizes")
        _COMPILED[expression] = compile(expression, "<dims>", "eval")
    return eval(_COMPILED[expression], {"__builtins__": {}}, values)
