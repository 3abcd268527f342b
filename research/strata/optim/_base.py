"""What the optimisers share: grouping parameters into lists for one call, and state that survives a state dict."""

import itertools

import torch


def check(name, value, low=0.0, below=None):
    """Raises ValueError unless low <= value (< below)."""
    if not low <= value or (below is not None and not value < below):
        wanted = f"at least {low}" if below is None else f"at least {low} and below {below}"
        raise ValueError(f"{name} is {value}, wanted {wanted}")


class Optimizer(torch.optim.Optimizer):
    """A subclass has `_names(group)`, its state tensors in the order of its operator's lists; `_key(state, fresh)`,
    what parameters of one call have in common (`fresh`: the state has just been made); and `_call(group, key, lists)`,
    which runs the operator on lists of parameters, gradients and state."""

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
        params = [p for p in group["params"] if p.grad is not None]
        grads = [p.grad for p in params]
        if not params:
            return
        if any(g.is_sparse for g in grads):
            raise RuntimeError(f"{type(self).__name__} takes no sparse gradients")
        states, names = [self.state[p] for p in params], self._names(group)
        fresh = self._fill(group, params, states, names)
        keys = [self._key(state, at in fresh) for at, state in enumerate(states)]
        # An operator writes to contiguous memory alone.
        dense = [p if p.is_contiguous() else p.contiguous() for p in params]
        lists = [dense, grads, *([state[name] for state in states] for name in names)]
        kinds = [(p.dtype, p.device, key) for p, key in zip(params, keys)]
        for kind in dict.fromkeys(kinds):  # one, as a rule
            alike = [at for at, k in enumerate(kinds) if k == kind]
            some = lists if len(alike) == len(kinds) else [[which[at] for at in alike] for which in lists]
            self._call(group, kind[2], some)
        for p, d in zip(params, dense):
            if d is not p:
                p.copy_(d)

    @staticmethod
    def _fill(group, params, states, names):
        """Makes the state that is missing; the places of the parameters that had none."""
        fresh = set()
        for at, state in enumerate(states):
            for name in names:
                if state.get(name) is None:
                    fresh.add(at)
                    state[name] = torch.zeros_like(
                        params[at], dtype=group["state_dtype"], memory_format=torch.contiguous_format
                    )
        return fresh

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
