"""The table that the families fill."""

import torch

from .._errors import Unsupported  # noqa: F401 (for the families)

TABLE = {}


def lowers(*names):
    """Names the overloads of ATen that a function lowers: "add.Tensor", "relu" for "relu.default"."""

    def add(function):
        for name in names:
            packet, _, overload = name.partition(".")
            TABLE[getattr(getattr(torch.ops.aten, packet), overload or "default")] = function
        return function

    return add


def fake(node):
    """The tensor of symbolic sizes that a node of the graph makes."""
    return node.meta["val"]


def one(build, node, name, inputs, **attrs):
    """The single output of an operator, shaped as the graph says."""
    return build.op(name, inputs, attrs, [build.value(fake(node))])[0]


def wrap(dim, rank):
    return dim % rank if rank else 0
