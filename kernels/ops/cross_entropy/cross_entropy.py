"""cross_entropy in plain PyTorch: the definition that the tests compare the kernels with."""

import torch
from torch.nn import functional as F


def eager(logits, target, ignore_index=-100, label_smoothing=0.0):
    """`logits` [N, C], `target` [N] in [0, C) or ignore_index -> losses [N], and [N, 2]: each row's maximum and the sum
    of its exponentials, less the maximum."""
    loss = F.cross_entropy(logits, target.long(), ignore_index=ignore_index, label_smoothing=label_smoothing,
                           reduction="none")
    if logits.shape[0] == 0:
        return loss, logits.new_zeros(0, 2)
    most = logits.amax(-1)
    stats = torch.stack([most, torch.exp(logits - most[:, None]).sum(-1)], -1)
    ignored = (target == ignore_index)[:, None]
    return loss, torch.where(ignored, torch.tensor([0.0, 1.0], dtype=logits.dtype), stats)


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(3, 8), torch.tensor([0, 7, 3])), {}
    yield (make(5, 17), torch.tensor([16, 0, 4, 4, 9], dtype=torch.int32)), {"label_smoothing": 0.1}
    yield (make(2, 1), torch.tensor([0, 0])), {}
    yield (make(0, 10), torch.zeros(0, dtype=torch.int64)), {}
    yield (make(64, 10), torch.arange(64) % 10), {}
    yield (make(4, 9), torch.tensor([-100, 8, -100, 0])), {"label_smoothing": 1.0}
    yield (make(4, 70), torch.tensor([3, 8, 3, 0])), {"ignore_index": 3}
