"""linear_cross_entropy in plain PyTorch: the definition that the tests compare the kernels with."""

import torch
from torch.nn import functional as F


def eager(x, weight, target, bias=None, ignore_index=-100, label_smoothing=0.0, reduction="mean", gradients=1):
    """`x` [N, K], `weight` [V, K], `target` [N], `bias` [V] -> the loss, and its gradients for x, weight and bias,
    which are empty without `gradients`."""

    def loss(x, weight, bias):
        return F.cross_entropy(F.linear(x, weight, bias), target.long(), ignore_index=ignore_index,
                               label_smoothing=label_smoothing, reduction=reduction)

    leaves = [t.detach() for t in (x, weight, weight.new_zeros(weight.shape[0]) if bias is None else bias)]
    with torch.enable_grad():
        leaves = [t.requires_grad_() for t in leaves]
        grads = torch.autograd.grad(loss(*leaves), leaves)
    if not gradients:
        grads = [g[:0] for g in grads]
    return loss(x, weight, bias), *grads


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 4), make(8, 4), torch.tensor([0, 7, 3]), make(8)), {}
    yield (make(4, 5), make(9, 5), torch.tensor([-100, 8, 2, 0], dtype=torch.int32)), {"reduction": "sum"}
    yield (make(3, 4), make(6, 4), torch.tensor([5, 2, 0]), make(6)), {"label_smoothing": 0.3}
    yield (0.2 * make(300, 3), make(9, 3), torch.arange(300) % 9), {}
