import pytest
import torch

from strata import ops

from kernels.testing.op_cases import maker

ACTIVATIONS = ("none", "gelu", "gelu_tanh", "relu", "silu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=lambda d: str(d)[6:])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_keeping_the_sum_for_the_gradient_changes_no_bit(activation, dtype):
    """The front function keeps what is ahead of an activation; the bare operator computes it again."""
    make = maker(torch.Generator().manual_seed(0), dtype)
    inputs, grad = (make(20, 70), make(40, 70), make(40)), make(20, 40)
    found = []

    def bare(*args, activation):
        return torch.ops.strata.linear(*args, None, None, ACTIVATIONS.index(activation))

    for call in (ops.linear, bare):
        leaves = [t.clone().requires_grad_() for t in inputs]
        y = call(*leaves, activation=activation)
        found.append((y.detach(), *torch.autograd.grad(y, leaves, grad)))
    with torch.no_grad():
        assert torch.equal(found[0][0], ops.linear(*inputs, activation=activation))
    assert all(torch.equal(kept, again) for kept, again in zip(*found))
