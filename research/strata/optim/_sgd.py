import torch

from .. import ops
from ._base import Optimizer, check


class SGD(Optimizer):
    """torch.optim.SGD's rule and defaults (kernels/ops/sgd/sgd.h has it in full).

    Args:
        state_dtype: torch.float32 keeps the momentum of bfloat16 parameters in float32; None: the parameters' dtype.
    """

    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, *,
                 maximize=False, state_dtype=None):
        check("lr", float(lr))
        check("momentum", momentum)
        check("weight_decay", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("nesterov wants a momentum and no dampening")
        if state_dtype not in (None, torch.float32):
            raise ValueError(f"state_dtype is {state_dtype}, wanted None or torch.float32")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "state_dtype": state_dtype,
        })

    def _names(self, group):
        return ("momentum_buffer",) if group["momentum"] else ()

    def _key(self, state, fresh):
        return fresh  # a new buffer begins as the gradient, not as zeros

    def _call(self, group, fresh, lists):
        ops.sgd(*lists, *(() if group["momentum"] else ((),)), float(group["lr"]), group["momentum"],
                group["dampening"], group["weight_decay"], group["nesterov"], group["maximize"], fresh)
