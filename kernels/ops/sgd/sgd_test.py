"""sgd through torch.ops: the definition in float64, and what PyTorch asks of an operator that writes to lists.
Whole runs beside torch.optim.SGD are research/strata/optim/optim_test.py."""

import copy

import pytest
import torch

from strata import ops

SHAPES = [(3, 5), (), (0,), (130,)]
OPTIONS = [{}, {"momentum": 0.9, "weight_decay": 0.1, "nesterov": True}, {"dampening": 0.3, "first": True, "lr": 2.0}]


def lists(dtype, count):
    generator = torch.Generator().manual_seed(1)
    return [[torch.randn(s, generator=generator, dtype=torch.float64).to(dtype) for s in SHAPES] for _ in range(count)]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("options", OPTIONS)
def test_agrees_with_the_definition_in_float64(options, count):
    got = lists(torch.float64, count)
    want = copy.deepcopy(got)
    assert ops.sgd(*got, **options) is None
    ops.definition("sgd").eager(*want, **options)
    for mine, theirs in zip(got, want):
        torch.testing.assert_close(mine, theirs, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("count", [2, 3])
def test_opcheck(count):
    args = lists(torch.float32, count)
    torch.library.opcheck(torch.ops.strata.sgd.default, (*args, *([[]] if count == 2 else [])))
