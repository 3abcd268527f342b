"""Direct calls give what the dispatcher gives, and stand back wherever it would have something to do."""

import gc
import weakref

import numpy as np
import pytest
import torch
from kernels.testing import op_cases
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from strata import ops

X = torch.randn(3, 8)


@pytest.fixture
def dispatched():
    """Calls of `direct("gelu")` that went by the dispatcher."""
    seen = []

    def make(name="gelu"):
        op = getattr(torch.ops.strata, name).default

        def slow(*args):
            seen.append(name)
            return op(*args)

        return ops._directly.make(name, slow)

    make.seen = seen
    return make


def test_a_plain_call_is_direct(dispatched):
    gelu = dispatched()
    assert torch.equal(gelu(X, 0), torch.ops.strata.gelu(X, 0))
    assert torch.equal(gelu(torch.nn.Parameter(X), 1), torch.ops.strata.gelu(X, 1))
    assert not dispatched.seen


@pytest.mark.parametrize("name,at", op_cases.ids())
def test_every_operator_gives_the_bits_of_the_dispatcher(name, at, dispatched):
    call = op_cases.call(name, at)
    got = op_cases.as_tuple(dispatched(name)(*call.encoded()))
    for g, w in zip(got, call.run(), strict=True):
        assert (g.shape, g.stride(), g.dtype, g.requires_grad) == (w.shape, w.stride(), w.dtype, w.requires_grad)
        assert torch.equal(g.view(torch.uint8) if g.dim() else g, w.view(torch.uint8) if w.dim() else w)
    if all(a is None or a.is_contiguous() for a in call.args):
        assert not dispatched.seen


PROGRAM = "float32 x0, float32 x1; v0 = mul(x0, x1); v1 = lt(x0, x1); return v0, v1"


def test_lists_and_texts_are_direct(dispatched):
    pointwise, concat = dispatched("pointwise"), dispatched("concat")
    for some in ([X, X[0]], (X, X[0])):
        product, less = pointwise(some, PROGRAM)
        assert torch.equal(product, X * X[0]) and torch.equal(less, X < X[0])
    assert type(pointwise([X, X[0]], PROGRAM)) is list
    assert torch.equal(concat([X, X[:1]], 0), torch.cat([X, X[:1]]))
    assert not dispatched.seen


@pytest.mark.parametrize("some", [[X, X.as_subclass(torch.nn.Buffer)], [X, None], iter([X, X]), {0: X}, X, []], ids=str)
def test_other_lists_go_by_the_dispatcher(some, dispatched):
    try:
        dispatched("pointwise")(some, PROGRAM)
    except (RuntimeError, TypeError, IndexError):
        pass  # its own error
    assert dispatched.seen


class _Subclass(torch.Tensor):
    pass


OTHERS = {
    "a subclass": lambda: X.as_subclass(_Subclass),
    "columns first": lambda: torch.randn(8, 3).t(),
    "a changed sign": lambda: torch.complex(X, X).conj().imag,
    "no memory": lambda: torch._efficientzerotensor(3, 8),
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_tensors_go_by_the_dispatcher(other, dispatched):
    x = OTHERS[other]()
    assert torch.equal(dispatched()(x, 0), torch.ops.strata.gelu(x.clone(), 0))
    assert dispatched.seen


class _Log(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls.append(str(func))
        return func(*args, **(kwargs or {}))


def test_modes_transforms_tracers_and_profilers_see_the_operator():
    with _Log() as log:
        ops.gelu(X)
    assert log.calls == ["strata.gelu.default"]
    with torch.profiler.profile() as profile:
        ops.gelu(X)
    assert any(event.name == "strata::gelu" for event in profile.events())
    assert "strata::gelu" in str(torch.jit.trace(lambda x: ops.gelu(x), (X,)).graph)
    assert torch.equal(torch.vmap(ops.gelu)(X), ops.gelu(X))
    assert torch.equal(torch.func.functionalize(ops.gelu)(X), ops.gelu(X))
    with FlopCounterMode(display=False), torch._subclasses.FakeTensorMode() as mode:
        assert type(ops.gelu(mode.from_tensor(X))) is torch._subclasses.FakeTensor


def test_numbers_of_other_kinds_go_by_the_dispatcher(dispatched):
    rms_norm, w = dispatched("rms_norm"), torch.ones(8)
    want = rms_norm(X, w, 0.5)
    assert not dispatched.seen and torch.equal(rms_norm(X, w, np.float64(0.5)), want)
    assert dispatched.seen == ["rms_norm"]
    assert torch.equal(rms_norm(X, w, 1), torch.ops.strata.rms_norm(X, w, 1))


def test_a_wrong_call_has_the_dispatchers_error():
    for call in (lambda f: f(X, X[:, :3]), lambda f: f(X, X.double()), lambda f: f(X, 3)):
        with pytest.raises(RuntimeError) as want:
            call(torch.ops.strata.add)
        with pytest.raises((RuntimeError, AttributeError)) as got:
            call(ops._directly.make("add", torch.ops.strata.add.default))
        assert str(got.value).splitlines()[0].replace(".default", "") == str(want.value).splitlines()[0]


def test_results_are_ordinary_tensors_that_go_away():
    y = ops.gelu(X)
    assert type(y) is torch.Tensor and y._version == 0 and y._use_count() == torch.empty(1)._use_count()
    assert y.untyped_storage().resizable()
    reference = weakref.ref(y)
    del y
    gc.collect()
    assert reference() is None
    with torch.inference_mode():
        assert ops.gelu(X).is_inference()
