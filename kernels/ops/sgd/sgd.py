"""sgd in plain PyTorch: the definition that the tests compare the kernel with, one tensor at a time."""

import torch


def eager(params, grads, momentum_buffers=(), lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False,
          maximize=False, first=False):
    """Changes the lists' tensors in place."""
    with torch.no_grad():
        for at, (p, g) in enumerate(zip(params, grads, strict=True)):
            g = (-g if maximize else g) + weight_decay * p
            if momentum_buffers:
                b = momentum_buffers[at]
                b.copy_(g) if first else b.mul_(momentum).add_(g, alpha=1 - dampening)
                g = g + momentum * b if nesterov else b
            p.sub_(g, alpha=lr)
