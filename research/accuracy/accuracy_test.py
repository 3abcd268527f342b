"""The accuracy table's smaller sweep: ours is never worse than PyTorch's, up to the stated bound."""

import numpy as np
import pytest
import torch

from accuracy import functions, limits, operators


@pytest.mark.parametrize("dtype", functions.PRECISION, ids=lambda d: str(d).removeprefix("torch."))
@pytest.mark.parametrize("name", functions.FUNCTIONS)
def test_functions(name, dtype):
    (mine, theirs), count = functions.measure(name, dtype, thorough=False)
    assert count > 200
    assert not limits.is_worse_function(mine, theirs), f"ours {mine}, torch {theirs}"


@pytest.mark.parametrize("dtype", limits.SMALL, ids=lambda d: str(d).removeprefix("torch."))
@pytest.mark.parametrize("name", operators.names())
def test_operators(name, dtype):
    for part, (mine, theirs) in operators.measure(name, dtype).items():
        label = name + (" backward" if part == "backward" else "")
        assert not limits.too_large(dtype, mine, theirs), f"{label}: ours {mine}, torch {theirs}"


def test_the_unit_is_the_distance_of_neighbours():
    for dtype, kind in ((torch.float32, np.float32), (torch.float64, np.float64)):
        values = np.array([1.0, 1.99, 2.0, 1e-40, 3e30], dtype=kind)
        assert np.array_equal(functions.last_place(values.astype(np.float64), dtype), np.spacing(values).astype(float))


def _side(*roots, largest=1.0):
    return operators.Side(largest, [r * r for r in roots], [1] * len(roots))


def test_worse_is_what_every_seed_shows():
    theirs = _side(1.0, 1.2, 1.1)
    assert limits.is_worse_operator(_side(1.01, 1.21, 1.12), theirs)
    assert not limits.is_worse_operator(_side(1.3, 1.4, 1.09), theirs), "one seed says otherwise"
    assert not limits.is_worse_operator(_side(1.001, 1.201, 1.101), theirs), "less than half a percent"
    assert not limits.is_worse_operator(_side(0.28, 0.28), _side(0.2, 0.2)), "correctly rounded"
    assert limits.too_large(torch.float32, _side(1.1), _side(1.0))
    assert limits.too_large(torch.float32, _side(1.0, largest=6.0), _side(1.0, largest=3.0))


def test_errors_are_seen():
    """A result that is two numbers off is two units off."""
    x = torch.tensor([0.5, 1.0, 3.0])
    exp = functions.FUNCTIONS["exp"]
    right = x.double().exp().float()
    wrong = torch.nextafter(torch.nextafter(right, torch.tensor(9e9)), torch.tensor(9e9))
    good, bad = functions.errors(exp, x, [right, wrong])
    assert good.max() <= 0.5 and 1.5 <= bad.min() <= bad.max() <= 2.5
