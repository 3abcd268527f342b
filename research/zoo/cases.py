"""The architectures: name -> Case, built when it is asked for."""

import dataclasses
from collections.abc import Callable

import torch


@dataclasses.dataclass(frozen=True)
class Case:
    """A model, its inputs by name, and which of their dims vary: {input: {dim: letter}}; B is the batch, S a length."""

    build: Callable  # () -> (model, inputs, dims)
    source: str  # the library that it comes from


CASES: dict[str, Case] = {}


def add(name, source, build):
    if name in CASES:
        raise ValueError(f"two architectures are named {name}")
    CASES[name] = Case(build, source)


def _registered():
    from . import from_transformers, own  # noqa: F401 (they fill CASES)

    return CASES


def cases():
    """All of them by name."""
    return _registered()


def seeded(make):
    """Weights that do not depend on what was made before."""
    torch.manual_seed(0)
    return make().eval()
