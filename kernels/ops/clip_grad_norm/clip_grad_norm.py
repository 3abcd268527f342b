"""clip_grad_norm in plain PyTorch: the definition that the tests compare the kernel with."""

import torch


def eager(grads, max_norm=1.0):
    """Scales the list's tensors in place where their norm is above `max_norm` -> the norm, a scalar."""
    norm = torch.stack([g.square().sum() for g in grads]).sum().sqrt()
    for g in grads:
        g.mul_((max_norm / (norm + 1e-6)).clamp(max=1.0))
    return norm
