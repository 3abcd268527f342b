"""adamw through torch.ops: the definition in float64, and what PyTorch asks of an operator that writes to lists.
Whole runs beside torch.optim.AdamW are research/strata/optim/optim_test.py."""

import copy

import pytest
import torch

from strata import ops

SHAPES = [(3, 5), (), (0,), (130,)]


def lists(dtype, count):
    generator = torch.Generator().manual_seed(1)
    made = [[torch.randn(s, generator=generator, dtype=torch.float64).to(dtype) for s in SHAPES] for _ in range(count)]
    return made[:3] + [[t.abs() for t in some] for some in made[3:]]


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("options", [{}, {"step": 7, "lr": 0.1, "weight_decay": 0.5, "maximize": True}])
def test_agrees_with_the_definition_in_float64(options, amsgrad):
    got = lists(torch.float64, 4 + amsgrad)
    want = copy.deepcopy(got)
    assert ops.adamw(*got, **options) is None
    ops.definition("adamw").eager(*want, **options)
    for mine, theirs in zip(got, want):
        torch.testing.assert_close(mine, theirs, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("amsgrad", [False, True])
def test_opcheck(amsgrad):
    args = lists(torch.float32, 4 + amsgrad)
    torch.library.opcheck(torch.ops.strata.adamw.default, (*args, *([] if amsgrad else [[]])))


def test_lists_must_pair_up():
    args = lists(torch.float32, 4)
    args[1] = args[1][:2]
    with pytest.raises(RuntimeError, match="strata::adamw: grads has 2 tensors, wanted 4"):
        ops.adamw(*args)
