"""What the optimisers share: grouping parameters into lists for one call, and state that survives a state dict."""

import itertools

import torch


def check(name, value, low=0.0, below=None):
    """Raises ValueError unless low <= value (< below)."""
    if not low <= value or (below is not None and not value < below):
        wanted = f"at least {low}" if below is None else f"at least {low} and below {below}"
        raise ValueError(f"{name} is {value}, wanted {wanted}")


class Optimizer(torch.optim.Optimizer):
    """A subclass has `_names(group)`, its state tensors in the order of its operator's lists; `_key(state, fresh)`, what
    parameters of one call have in common (`fresh`: the state has just been made); and `_call(group, key, lists)`, which
    runs the operator on lists of parameters, gradients and state."""

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("maximize", False)
            group.setdefault("state_dtype", None)

    @torch.no_grad()
    def step(self, closure=None):
        """One update of every parameter that has a gradient; the closure's loss, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._step_group(group)
        return loss

    def _step_group(self, group):
        batches, moved = {}, []
        for p in group["params"]:
            if p.grad is None:
                continue
            if p.grad.is_sparse:
                raise RuntimeError(f"{type(self).__name__} takes no sparse gradients")
            state, names = self.state[p], self._names(group)
            missing = [name for name in names if state.get(name) is None]
            for name in missing:
                state[name] = torch.zeros_like(p, dtype=group["state_dtype"], memory_format=torch.contiguous_format)
            dense = p
            if not p.is_contiguous():  # an operator writes to contiguous memory alone
                dense = p.contiguous()
                moved.append((p, dense))
            tensors = (dense, p.grad, *(state[name] for name in names))
            lists = batches.setdefault((p.dtype, p.device, self._key(state, bool(missing))), [[] for _ in tensors])
            for where, tensor in zip(lists, tensors):
                where.append(tensor)
        for (_, _, key), lists in batches.items():
            self._call(group, key, lists)
        for p, dense in moved:
            p.copy_(dense)

    def load_state_dict(self, state_dict):
        """From this class's or torch.optim's."""
        super().load_state_dict(state_dict)
        saved = itertools.chain.from_iterable(group["params"] for group in state_dict["param_groups"])
        mine = ((group, p) for group in self.param_groups for p in group["params"])
        for at, (group, p) in zip(saved, mine):
            for name, value in state_dict["state"].get(at, {}).items():
                if name == "step":
                    self.state[p][name] = int(value)
                elif isinstance(value, torch.Tensor):
                    # Again from the source: torch has rounded it to the parameter's dtype.
                    dtype = group["state_dtype"] or p.dtype
                    kept = torch.empty_like(p, dtype=dtype, memory_format=torch.contiguous_format)
                    self.state[p][name] = kept.copy_(value)
