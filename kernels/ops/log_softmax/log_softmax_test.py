"""What is special to log_softmax and softmax: masked rows as in PyTorch, streamed rows, values that softmax loses."""

import pytest
import torch
from strata import ops

INF, NAN = float("inf"), float("nan")
PAIRS = [(ops.softmax, torch.softmax), (ops.log_softmax, torch.log_softmax)]
ROWS = [[-INF, 1.0, -INF, 2.0], [-INF] * 4, [INF, 1.0, 2.0, 3.0], [NAN, 1.0, 2.0, 3.0], [3.0, 9.0, NAN, 1.0],
        [-3e38, 3e38, 0.0, -INF], [-200.0, 0.0, -90.0, -103.0]]


@pytest.mark.parametrize("width", [4, 67, 384])
@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("ours,theirs", PAIRS, ids=["softmax", "log_softmax"])
def test_masked_infinite_and_missing_values_are_pytorchs(ours, theirs, row, width):
    x = torch.full((2, width), -INF)
    x[:, width - 4:] = torch.tensor(row)
    want = theirs(x.double(), -1).float()
    torch.testing.assert_close(ours(x), want, equal_nan=True, rtol=1e-6, atol=1e-44)


def test_small_shares_keep_their_logarithm():
    x = torch.tensor([[0.0, -500.0, -1000.0]])
    assert torch.equal(ops.log_softmax(x), x)
    assert ops.softmax(x)[0, 1] == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_streamed_rows_have_the_bits_of_rows_alone(name, dtype):
    generator = torch.Generator().manual_seed(1)
    x, grad = (torch.randn(6144, 2048, generator=generator).to(dtype) for _ in range(2))
    forward, backward = getattr(ops, name), getattr(ops, name + "_backward")
    y = forward(x)
    grad_x = backward(grad, y)
    for rows in (slice(0, 3), slice(3071, 3075), slice(6140, 6144)):
        assert torch.equal(y[rows].view(torch.uint8), forward(x[rows]).view(torch.uint8))
        assert torch.equal(grad_x[rows].view(torch.uint8), backward(grad[rows], y[rows]).view(torch.uint8))
