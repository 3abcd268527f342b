"""What a node of an ONNX graph works on: tensors, and sizes. Sizes (what Shape gives, small whole constants) never
become data unless an operator asks for it, so that the shapes of a traced model stay expressions over its dims."""

import dataclasses

import torch

from .._errors import Unsupported

MOST_SIZES = 64  # elements: a longer constant is a tensor alone


@dataclasses.dataclass
class Sizes:
    """Whole numbers, some of which may be symbolic: a vector, or one number (`rank` 0)."""

    values: list
    rank: int = 1
    dtype: torch.dtype = torch.int64

    @property
    def shape(self):
        return [len(self.values)] if self.rank else []


@dataclasses.dataclass
class Node:
    """A node: its operator, attributes by name, the opset's version, and how many outputs somebody reads."""

    op: str
    name: str
    attrs: dict
    version: int
    outputs: int
    constants: tuple = ()  # by input: the numbers of a small constant, or None

    def constant(self, at):
        """The numbers of an input that is a small constant; None where it is none."""
        return self.constants[at] if at < len(self.constants) else None

    def get(self, name, default=None):
        return self.attrs.get(name, default)


def tensor(value, like=None):
    """A tensor of sizes; anything else as it is."""
    if not isinstance(value, Sizes):
        return value
    if all(isinstance(v, int) for v in value.values):
        made = torch.tensor(value.values, dtype=value.dtype)
        return made if value.rank else made.reshape([])
    # A size as data: the last of the numbers 0, 1, ..., size.
    each = [torch.arange(v + 1)[v] if not isinstance(v, int) else torch.tensor(v) for v in value.values]
    return torch.stack(each).to(value.dtype) if value.rank else each[0].to(value.dtype)


def sizes(value, what="a size"):
    """The whole numbers of sizes."""
    if not isinstance(value, Sizes):
        raise Unsupported(f"{what} that is computed from data")
    return value.values


def number(value, what="a number"):
    """A single size."""
    values = sizes(value, what)
    if len(values) != 1:
        raise Unsupported(f"{what} that is a list")
    return values[0]


def axes(node, given, name="axes"):
    """The axes of a node: an attribute, or an input in later opsets; None where there are none."""
    found = node.get(name) if given is None else sizes(given, "axes")
    return None if found is None or len(found) == 0 else [int(a) for a in found]
