"""Any dims of a tensor, against PyTorch in float64."""

import itertools

import pytest
import torch

from strata import ops, reductions

OPERATIONS = {
    "sum": torch.sum,
    "mean": torch.mean,
    "max": torch.amax,
    "min": torch.amin,
    "var": torch.var,
    "std": torch.std,
}
DIMS = [None, *(c for n in range(1, 5) for c in itertools.combinations(range(4), n)), -1, (-1, 0)]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dim", DIMS, ids=str)
def test_any_dims(operation, dim):
    x = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(1))
    for keepdim in (False, True):
        got = reductions.reduce(x, operation, dim, keepdim)
        every = dim if dim is not None else tuple(range(4))
        want = OPERATIONS[operation](x.double(), every, keepdim=keepdim)
        torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(), (6,), (1,), (5, 6), (5, 1), (3, 1, 5, 1), (1, 4, 1, 6), (4, 1, 6), (3, 4, 5, 6)])
def test_sum_to_is_the_gradient_of_a_broadcast(shape):
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64)
    small = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    (want,) = torch.autograd.grad(small.expand(x.shape), small, x)
    got = reductions.sum_to(x, shape)
    assert got.shape == want.shape
    torch.testing.assert_close(got, want)


def test_gradients_and_compiling():
    x = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    for dim in (None, 1, (0, 2)):
        assert torch.autograd.gradcheck(lambda x, dim=dim: reductions.var(x, dim), x)
    compiled = torch.compile(lambda x: reductions.sum_to(reductions.mean(x, 1, keepdim=True), (1, 5)), fullgraph=True,
                             backend="eager")
    torch.testing.assert_close(compiled(x), x.mean(1, keepdim=True).sum((0, 1))[None])


def test_a_row_has_the_same_bits_alone_and_in_a_batch():
    x = torch.randn(7, 300, 5)
    whole = reductions.sum(x, 1)
    assert all(torch.equal(reductions.sum(x[i:i + 1], 1)[0], whole[i]) for i in range(7))


def test_a_nan_wins_and_nothing_has_its_identity():
    x = torch.tensor([[1.0, float("nan"), 2.0], [3.0, 4.0, 5.0]])
    for dim in (0, 1):
        assert torch.equal(reductions.amax(x, dim).isnan(), torch.amax(x, dim).isnan())
        assert torch.equal(reductions.amin(x, dim).isnan(), torch.amin(x, dim).isnan())
    assert reductions.sum(torch.zeros(2, 0), 1).tolist() == [0, 0]


def test_dims_that_are_not_there():
    with pytest.raises(ValueError, match="dim is 3, wanted different dims of a tensor with 2"):
        reductions.sum(torch.zeros(2, 2), 3)


@pytest.mark.parametrize("smallest", [False, True])
@pytest.mark.parametrize("length", [1, 7, 300, 5000])
def test_argmax_and_top_k_order_nan_and_equal_elements_as_pytorch(length, smallest):
    x = (4 * torch.randn(5, length, generator=torch.Generator().manual_seed(length))).round()
    x[1, length // 2:] = float("nan")
    x[2] = float("nan")
    x[3, ::2] = -0.0
    want = torch.argmin(x, -1) if smallest else torch.argmax(x, -1)
    assert torch.equal(ops.argmax(x, smallest), want)
    order = torch.sort(x, dim=-1, descending=not smallest, stable=True)
    for k in {0, 1, length // 2, length}:
        values, indices = ops.top_k(x, k, smallest)
        assert torch.equal(indices, order.indices[:, :k])
        assert torch.equal(values.nan_to_num(7e7), order.values[:, :k].nan_to_num(7e7))
    rising = torch.arange(length, dtype=torch.float32)  # every element beats all before it
    assert torch.equal(ops.top_k(rising, min(length, 9))[1], rising.long().flip(0)[:9])
