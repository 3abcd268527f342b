import torch

from .. import ops


@torch.no_grad()
def clip_grad_norm_(parameters, max_norm, error_if_nonfinite=False):
    """Scales the gradients of `parameters` in place so that their total norm is `max_norm` at most -> the norm before,
    a scalar tensor. torch.nn.utils.clip_grad_norm_ of the 2-norm, its sum in one fixed order."""
    parameters = [parameters] if isinstance(parameters, torch.Tensor) else list(parameters)
    grads = {}
    for p in parameters:
        if p.grad is not None:
            if not p.grad.is_contiguous():
                p.grad = p.grad.contiguous()
            grads.setdefault((p.grad.dtype, p.grad.device), []).append(p.grad)
    if not grads:
        return torch.tensor(0.0)
    if len(grads) == 1 and not error_if_nonfinite:
        return ops.clip_grad_norm(*grads.values(), max_norm)
    # An infinite limit gives the norm and leaves the gradients alone.
    norms = [ops.clip_grad_norm(some, float("inf")).double() for some in grads.values()]
    norm = torch.stack([n.to(norms[0].device) for n in norms]).square().sum().sqrt()
    if error_if_nonfinite and not norm.isfinite():
        raise RuntimeError(f"the total norm of the gradients is {norm.item()}: they were not clipped")
    scale = max_norm / (norm + 1e-6)
    if not scale >= 1:
        for some in grads.values():
            torch._foreach_mul_(some, scale.item())
    return norm.to(next(iter(grads))[0])
