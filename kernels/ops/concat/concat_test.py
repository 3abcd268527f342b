"""concat through strata.ops: torch.cat's values, gradients, opcheck, and torch.compile."""

import pytest
import torch

from strata import ops


def tensors(dim, dtype=torch.float64, grad=True):
    generator = torch.Generator().manual_seed(3)
    shapes = [[2, 3, 4] for _ in range(3)]
    for shape, size in zip(shapes, (1, 5, 2)):
        shape[dim] = size
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype).requires_grad_(grad) for s in shapes]


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
def test_values_and_gradients_are_torch_cats(dim):
    xs = tensors(dim)
    y, want = ops.concat(xs, dim), torch.cat(xs, dim)
    assert torch.equal(y, want)
    grad = torch.randn_like(want)
    got, wanted = torch.autograd.grad(y, xs, grad), torch.autograd.grad(want, xs, grad)
    assert all(torch.equal(a, b) for a, b in zip(got, wanted))


def test_gradients_of_some_alone():
    a, b, c = tensors(1)
    ops.concat([a.detach(), b, c.detach()], 1).sum().backward()
    assert a.grad is None and torch.equal(b.grad, torch.ones_like(b))


@pytest.mark.parametrize("road", [ops, torch.ops.strata])
def test_gradcheck(road):
    assert torch.autograd.gradcheck(lambda *xs: road.concat(xs, 1), tensors(1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_opcheck(dtype):
    torch.library.opcheck(torch.ops.strata.concat.default, (tensors(0, dtype), 0))


def test_compiles_with_its_gradient():
    xs = tensors(1, torch.float32)
    function = lambda a, b, c: ops.concat([a, b, c], 1).square().sum()  # noqa: E731
    torch.compile(function, backend="aot_eager", fullgraph=True)(*xs).backward()
    for x in xs:
        torch.testing.assert_close(x.grad, 2 * x.detach())


def test_slices_need_not_be_contiguous():
    wide = torch.randn(4, 10)
    assert torch.equal(ops.concat([wide[:, 2:5], wide.t()[:4, :4]], 1), torch.cat([wide[:, 2:5], wide.t()[:4, :4]], 1))
