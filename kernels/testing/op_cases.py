"""Calls of every operator of the table, with what they must give: what the generated Python tests are made of.

A forward operator's calls are the `samples` of its own file, kernels/ops/<op>/<op>.py, and its truth is `eager` there,
run in float64 on the same (rounded) inputs. A backward operator's calls are made from those by the names of its
arguments, and its truth is autograd through `eager`. The table decides what is tested: an operator without
samples is a failure.
"""

import dataclasses
import functools

import torch

from strata import ops

# The largest difference from float64, relative to the element plus the mean magnitude of the output: a sum that
# cancels is as exact as its terms allow, not as its own size. The values are those of the C++ conformance test
# (kernels/testing/compare.h), for the same reasons:
TOLERANCE = {
    torch.float32: 2e-5,  # a chain of some hundred roundings of 6e-8
    torch.float64: 1e-13,  # the same in 1.1e-16
    torch.bfloat16: 8e-3,  # computed in float32, rounded at the end (2^-8), or twice where the definition says so
}
DTYPES = tuple(TOLERANCE)


def bits(tensor):
    return tensor.detach().contiguous().view(torch.uint8)


def maker(generator, dtype):
    """make(*shape): random tensors of `dtype`, drawn in float64."""
    return lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


_FORWARD = "_backward"
_TRAINING = "_training"


@dataclasses.dataclass(frozen=True)
class Call:
    """One call: positional tensors (or None) and attributes by name, choices as words."""

    name: str
    args: tuple
    attrs: dict

    @property
    def schema(self):
        return ops.schemas[self.name]

    def encoded(self):
        """All arguments by position, as torch.ops.strata takes them."""
        attrs = (a.encode(self.attrs[a.name]) if a.name in self.attrs else a.default for a in self.schema.attrs)
        return (*self.args, *attrs)

    def run(self):
        """Through torch.ops.strata; always a tuple."""
        return as_tuple(getattr(torch.ops.strata, self.name)(*self.encoded()))

    def replaced(self, **tensors):
        """The same call with some arguments exchanged, by name."""
        names = [a.name for a in self.schema.inputs]
        return dataclasses.replace(self, args=tuple(tensors.get(n, a) for n, a in zip(names, self.args)))

    def to(self, dtype):
        """The same call with its floating-point tensors converted."""
        return dataclasses.replace(self, args=tuple(convert(a, dtype) for a in self.args))

    def with_gradients(self):
        """The same call on leaves that require gradients, where they are of the schema's letter T: others are no
        parameters (the tables of rotary)."""
        leaves = (
            a if a is None or spec.type != "T" else a.detach().requires_grad_()
            for a, spec in zip(self.args, self.schema.inputs)
        )
        return dataclasses.replace(self, args=tuple(leaves))


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


def convert(tensor, dtype):
    return tensor if tensor is None or not tensor.is_floating_point() else tensor.detach().to(dtype)


def forward_name(name):
    return name.removesuffix(_FORWARD)


@functools.cache
def definition(name):
    """The operator's Python file; AssertionError where it has none."""
    module = ops.definition(name)
    assert module is not None, f"{name} has no kernels/ops/{forward_name(name)}/{forward_name(name)}.py"
    return module


def eager(name):
    """The operator in plain PyTorch."""
    module = definition(name)
    return module.training if name.endswith(_TRAINING) else module.eager


@functools.cache
def _count(name):
    return sum(1 for _ in definition(name).samples(lambda *shape: torch.zeros(shape)))


def ids():
    """(operator, number of the sample) for everything in the table that `names` has."""
    return [(name, at) for name in names() for at in range(_count(forward_name(name)))]


def names():
    """The operators that samples can be drawn for; the others have a test file of their own in their folder."""
    return [name for name, schema in ops.schemas.items() if schema.plain]


def differentiable(name):
    """True where the operator has a gradient."""
    return name + _FORWARD in ops.schemas or hasattr(definition(name), "backward")


def _values(call):
    """Everything that a backward operator may ask for, by name."""
    schema, outputs = call.schema, call.run()
    generator = torch.Generator().manual_seed(7)
    values = dict(zip((a.name for a in schema.inputs), call.args)) | dict(
        zip((o.name for o in schema.outputs), outputs)
    )
    if hasattr(definition(call.name), "keeps") and definition(call.name).keeps(*call.encoded()):
        training = call.name + _TRAINING
        kept = getattr(torch.ops.strata, training)(*call.encoded())
        values |= dict(zip((o.name for o in ops.schemas[training].outputs), kept))
    for spec, tensor in zip(schema.outputs, outputs):
        values["grad_" + spec.name] = torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(
            tensor.dtype
        )
    return values


def call(name, at, dtype=torch.float32, seed=0):
    """The sample number `at` of an operator; other seeds give other numbers."""
    generator = torch.Generator().manual_seed(1000 * seed + at + 1)
    make = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)  # noqa: E731
    forward = forward_name(name)
    args, attrs = list(definition(forward).samples(make))[at]
    absent = (None,) * (len(ops.schemas[forward].inputs) - len(args))  # optional ones at the end
    made = Call(forward, (*args, *absent), dict(attrs))
    if name == forward:
        return made
    values = _values(made)
    wanted = {a.name for a in ops.schemas[name].attrs}
    # Optional is what its forward for training may have kept.
    args = (values.get(a.name) if a.optional else values[a.name] for a in ops.schemas[name].inputs)
    return Call(name, tuple(args), {k: v for k, v in attrs.items() if k in wanted})


def truth(made, at):
    """What `call(name, at, ...)` must give, in float64; a tuple, with None for the gradient of an absent argument."""
    wide = made.to(torch.float64)
    if made.name == forward_name(made.name):
        return as_tuple(eager(made.name)(*wide.args, **wide.attrs))
    forward = call(forward_name(made.name), at)
    given = dict(zip((a.name for a in made.schema.inputs), wide.args))
    # The forward call's own tensors: those that the backward was given, converted, and the rest of that sample.
    source = call(forward.name, at, next(a.dtype for a in made.args if a is not None and a.is_floating_point()))
    args = [given.get(a.name, convert(t, torch.float64)) for a, t in zip(forward.schema.inputs, source.args)]
    # An attribute that the backward does not have is at its default there.
    leaves = Call(forward.name, tuple(args), made.attrs).with_gradients()
    outputs = as_tuple(definition(forward.name).eager(*leaves.args, **leaves.attrs))
    by_name = dict(zip((a.name for a in forward.schema.inputs), leaves.args))
    sources = [by_name[o.name.removeprefix("grad_")] for o in made.schema.outputs]
    taken = [(y, given["grad_" + o.name]) for y, o in zip(outputs, forward.schema.outputs) if "grad_" + o.name in given]
    outputs, grads = zip(*taken)
    found = iter(torch.autograd.grad(outputs, [s for s in sources if s is not None], grads, allow_unused=True,
                                     materialize_grads=True))
    return tuple(None if s is None else next(found) for s in sources)


def too_far(got, want, scale=0.0):
    """"" where `got` is as near to float64's `want` as its dtype's tolerance asks, else a sentence."""
    if list(got.shape) != list(want.shape):
        return f"shape {list(got.shape)}, wanted {list(want.shape)}"
    if not got.is_floating_point():
        return "" if torch.equal(got, want.to(got.dtype)) else f"got {got}, wanted {want}"
    if want.numel() == 0:
        return ""
    allowed = TOLERANCE[got.dtype] * (want.abs() + want.abs().mean() + scale)
    error = (got.double() - want).abs()
    worst = int((error - allowed).argmax())
    if not bool((error <= allowed).all()):
        g, w, most = (float(t.flatten()[worst]) for t in (got, want, allowed))
        return f"at {worst}: got {g}, wanted {w}, allowed a difference of {most:.3g}"
    return ""
