"""Errors of whole operators, forward and backward: ours and plain PyTorch's, both against PyTorch in float64 on the
same inputs. The unit is the last place of the element, or of the output's mean magnitude where that is larger: a sum
that cancels is as exact as its terms allow."""

import dataclasses

import torch
from kernels.testing import op_cases

from strata import ops

from . import inputs
from .functions import last_place


SEEDS = (99, 100, 101, 102, 103, 104)


def names():
    """Forward operators whose result is computed and rounded."""
    plain = [name for name in op_cases.names() if "_backward" not in name and not name.endswith("_training")]
    return sorted(plain + list(inputs.LISTS))


def _maker(seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def _calls(name, dtype, seed):
    for at in range(op_cases._count(name)):
        yield op_cases.call(name, at, dtype, seed)
    for at, made in enumerate(inputs.LARGE.get(name, ())):
        args, attrs = made(_maker(seed + 1000 * at, dtype))
        absent = (None,) * (len(ops.schemas[name].inputs) - len(args))
        yield op_cases.Call(name, (*args, *absent), attrs)


def _lists(name, dtype, seed):
    """(ours, theirs, truth), each the tensors after a call."""
    found = []
    for function, wide in ((getattr(ops, name), dtype), *((op_cases.definition(name).eager, d)
                                                          for d in (dtype, torch.float64))):
        lists, attrs = inputs.LISTS[name](_maker(seed, dtype))
        lists = [[t.to(wide) for t in tensors] for tensors in lists]
        result = function(*lists, **attrs)
        found.append([t for tensors in lists for t in tensors] + ([result] if result is not None else []))
    return found


def _outputs_and_gradients(function, call, incoming):
    """Float tensors: the outputs, then the gradients of the leaves, as far as there are any."""
    leaves = [a for a in call.args if a is not None and a.requires_grad]
    outputs = [o for o in op_cases.as_tuple(function(*call.args, **call.attrs)) if o.is_floating_point()]
    made = [o.detach() for o in outputs]
    if not leaves or not op_cases.differentiable(call.name):
        return made, []
    if not incoming:
        # Of ours, which come first: of its outputs, statistics that are kept for the gradient have none.
        generator = torch.Generator().manual_seed(7)
        incoming |= {
            at: torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.dtype)
            for at, o in enumerate(outputs) if o.requires_grad
        }
    if not incoming:
        return made, []
    grads = torch.autograd.grad([outputs[at] for at in incoming], leaves,
                                [grad.to(outputs[at].dtype) for at, grad in incoming.items()],
                                allow_unused=True, materialize_grads=True)
    return made, list(grads)


def _error(got, truth, dtype):
    truth = truth.double()
    scale = truth.abs().clamp_min(float(truth.abs().mean()) if truth.numel() else 0.0)
    return (got.to(dtype).double() - truth).abs() / torch.as_tensor(last_place(scale.numpy(), dtype))


def _differences(name, dtype, seed):
    """Yields a part ("forward" or "backward"), our error and PyTorch's, for every tensor."""
    eager = op_cases.definition(name).eager
    if name in inputs.LISTS:
        for m, t, w in zip(*_lists(name, dtype, seed)):
            yield "forward", _error(m, w, dtype), _error(t, w, dtype)
        return
    for call in _calls(name, dtype, seed):
        incoming = {}
        mine = _outputs_and_gradients(getattr(ops, name), call.with_gradients(), incoming)
        theirs = _outputs_and_gradients(eager, call.with_gradients(), incoming)
        truth = _outputs_and_gradients(eager, call.to(torch.float64).with_gradients(), incoming)
        for part, *lists in zip(("forward", "backward"), mine, theirs, truth):
            for m, t, w in zip(*lists):
                if w.numel() and bool(w.isfinite().all()):
                    yield part, _error(m, w, dtype), _error(t, w, dtype)


@dataclasses.dataclass
class Side:
    """One side's errors: the largest, and for each seed the root of the mean square."""

    largest: float = 0.0
    squares: list = dataclasses.field(default_factory=list)
    counts: list = dataclasses.field(default_factory=list)

    def add(self, seed, error):
        if seed == len(self.squares):
            self.squares.append(0.0), self.counts.append(0)
        self.largest = max(self.largest, float(error.max()))
        self.squares[seed] += float(error.square().sum())
        self.counts[seed] += error.numel()

    @property
    def root(self):
        return (sum(self.squares) / sum(self.counts)) ** 0.5

    @property
    def roots(self):
        return [(s / n) ** 0.5 for s, n in zip(self.squares, self.counts)]


def measure(name, dtype):
    """{"forward": (ours, theirs), "backward": ...}, Sides, where there are any."""
    found = {}
    for seed in range(len(SEEDS)):
        for part, *errors in _differences(name, dtype, SEEDS[seed]):
            for side, error in zip(found.setdefault(part, (Side(), Side())), errors):
                side.add(seed, error)
    return found
