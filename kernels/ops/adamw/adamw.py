"""adamw in plain PyTorch: the definition that the tests compare the kernel with, one tensor at a time."""

import math

import torch


def eager(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs=(), step=1, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8,
          weight_decay=1e-2, maximize=False):
    """Changes the lists' tensors in place."""
    correction1, correction2 = 1 - beta1**step, 1 - beta2**step
    with torch.no_grad():
        for at, (p, g, m, v) in enumerate(zip(params, grads, exp_avgs, exp_avg_sqs, strict=True)):
            g = -g if maximize else g
            p.mul_(1 - lr * weight_decay)
            m.lerp_(g, 1 - beta1)
            v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            if max_exp_avg_sqs:
                v = torch.maximum(max_exp_avg_sqs[at], v, out=max_exp_avg_sqs[at])
            p.addcdiv_(m, v.sqrt() / math.sqrt(correction2) + eps, value=-lr / correction1)
