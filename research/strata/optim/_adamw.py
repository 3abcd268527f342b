import torch

from .. import ops
from ._base import Optimizer, check


class AdamW(Optimizer):
    """torch.optim.AdamW's rule and defaults (kernels/ops/adamw/adamw.h has it in full).

    Args:
        state_dtype: torch.float32 keeps the moments of bfloat16 parameters in float32; None: the parameters' dtype.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, *,
                 maximize=False, state_dtype=None):
        check("lr", float(lr))
        check("eps", eps)
        check("weight_decay", weight_decay)
        for at, beta in enumerate(betas):
            check(f"betas[{at}]", beta, below=1.0)
        if state_dtype not in (None, torch.float32):
            raise ValueError(f"state_dtype is {state_dtype}, wanted None or torch.float32")
        super().__init__(params, {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "state_dtype": state_dtype,
        })

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)

    def _names(self, group):
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def _key(self, state, fresh):
        state["step"] = state.get("step", 0) + 1
        return state["step"]

    def _call(self, group, step, lists):
        ops.adamw(*lists, *(() if group["amsgrad"] else ((),)), step, float(group["lr"]), *group["betas"],
                  group["eps"], group["weight_decay"], group["maximize"])
