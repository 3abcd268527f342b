"""Every operator of the table: values, gradients, fakes, layouts, threads. Made from the table and the operators'
own samples."""

import pathlib

import pytest
import torch
from kernels.testing import op_cases
from torch._subclasses import FakeTensorMode

from strata import ops

CASES = op_cases.ids()
FORWARD = [(name, at) for name, at in CASES if not name.endswith("_backward")]
GRADIENTS = [(name, at) for name, at in FORWARD if op_cases.differentiable(name)]


def _small(name, at):
    # gradcheck calls the operator twice for every element of its inputs. The gradients of larger samples are compared
    # with autograd's, and an empty sample has nothing to differentiate.
    floats = [a.numel() for a in op_cases.call(name, at).args if a is not None and a.is_floating_point()]
    return 0 < sum(floats) <= 700 and all(floats)


# What an operator computes may be a staircase, whose derivative is not the gradient that its file defines.
SMOOTH = [(name, at) for name, at in GRADIENTS if not getattr(op_cases.definition(name), "straight_through", False)]
GRADCHECKS = [(name, at) for name, at in SMOOTH if _small(name, at)]


def label(value):
    return str(value).removeprefix("torch.")


def bits(tensors):
    return [t.contiguous().flatten().view(torch.uint8) for t in tensors]


def same_bits(got, want):
    return all(torch.equal(a, b) for a, b in zip(bits(got), bits(want), strict=True))


def test_the_table_has_operators_and_every_one_has_two_samples_or_more():
    assert len(ops.schemas) >= 2
    few = [name for name in op_cases.names() if sum(n == name for n, _ in CASES) < 2]
    assert not few, f"two samples or more are wanted from samples() of: {', '.join(few)}"
    special = {name.removesuffix("_backward") for name in ops.schemas} - {
        name.removesuffix("_backward") for name in op_cases.names()
    }
    untested = [name for name in special if not pathlib.Path(f"kernels/ops/{name}/{name}_test.py").exists()]
    assert not untested, f"no samples can be drawn for these, so they need a test file: {', '.join(untested)}"
    assert {name for name, _ in GRADCHECKS} == {name for name, _ in SMOOTH}


@pytest.mark.parametrize("dtype", op_cases.DTYPES, ids=label)
@pytest.mark.parametrize("name,at", CASES)
def test_agrees_with_pytorch_in_float64(name, at, dtype):
    call = op_cases.call(name, at, dtype)
    scale = float(call.args[0].double().abs().mean()) if name.endswith("_backward") and call.args[0].numel() else 0.0
    for got, want, spec in zip(call.run(), op_cases.truth(call, at), call.schema.outputs, strict=True):
        if want is not None:
            assert not (error := op_cases.too_far(got, want, scale)), f"{spec.name}: {error}"


@pytest.mark.parametrize("name,at", FORWARD)
def test_the_front_function_gives_the_same_bits_as_the_operator(name, at):
    call = op_cases.call(name, at)
    want = call.run()
    assert same_bits(op_cases.as_tuple(getattr(ops, name)(*call.args, **call.attrs)), want)
    if op_cases.differentiable(name):  # the road through autograd.Function
        got = op_cases.as_tuple(getattr(ops, name)(*call.with_gradients().args, **call.attrs))
        assert same_bits([g.detach() for g in got], want)


@pytest.mark.parametrize("name,at", CASES)
def test_opcheck(name, at):
    call = op_cases.call(name, at)
    if not name.endswith("_backward") and op_cases.differentiable(name):
        call = call.with_gradients()
    results = torch.library.opcheck(getattr(torch.ops.strata, name).default, call.encoded())
    assert list(results) == [
        "test_schema",
        "test_autograd_registration",
        "test_faketensor",
        "test_aot_dispatch_dynamic",
    ]
    assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("road", ["strata.ops", "torch.ops.strata"])
@pytest.mark.parametrize("name,at", GRADCHECKS)
def test_gradcheck(name, at, road):
    call = op_cases.call(name, at, torch.float64).with_gradients()
    function = getattr(ops if road == "strata.ops" else torch.ops.strata, name)
    assert torch.autograd.gradcheck(function, call.encoded())


@pytest.mark.parametrize("name,at", GRADIENTS)
def test_gradients_agree_with_pytorch_in_float32(name, at):
    call = op_cases.call(name, at).with_gradients()
    wide = call.to(torch.float64).with_gradients()
    got = op_cases.as_tuple(getattr(ops, name)(*call.args, **call.attrs))
    want = op_cases.as_tuple(op_cases.definition(name).eager(*wide.args, **wide.attrs))
    # An output without a gradient (statistics) is left out.
    got, want = zip(*((g, w) for g, w in zip(got, want, strict=True) if g.requires_grad))
    generator = torch.Generator().manual_seed(3)
    grads = [torch.randn(g.shape, generator=generator) for g in got]
    leaves = [a for a in call.args if a is not None and a.requires_grad]
    wide_leaves = [a for a in wide.args if a is not None and a.requires_grad]
    got = torch.autograd.grad(got, leaves, grads)
    want = torch.autograd.grad(want, wide_leaves, [g.double() for g in grads])
    scale = max((float(g.abs().mean()) for g in grads if g.numel()), default=0.0)
    for g, w in zip(got, want, strict=True):
        assert not (error := op_cases.too_far(g, w, scale)), error


@pytest.mark.parametrize(
    "name", [n for n in op_cases.names() if not n.endswith("_backward") and op_cases.differentiable(n)]
)
def test_only_the_gradients_that_are_asked_for_are_made(name):
    call = op_cases.call(name, 0)
    floats = [a for a, spec in zip(call.args, call.schema.inputs) if a is not None and spec.type == "T"]
    for chosen in floats:
        for tensor in floats:
            tensor.requires_grad_(tensor is chosen)
        out = op_cases.as_tuple(getattr(ops, name)(*call.args, **call.attrs))[0]
        out.sum().backward()
        assert [t.grad is not None for t in floats] == [t is chosen for t in floats]
        chosen.grad = None


@pytest.mark.parametrize("dtype", op_cases.DTYPES, ids=label)
@pytest.mark.parametrize("name,at", CASES)
def test_the_fake_has_the_sizes_strides_and_dtype_of_the_real_output(name, at, dtype):
    call = op_cases.call(name, at, dtype)
    real = call.run()
    with FakeTensorMode() as mode:
        fakes = (None if a is None else mode.from_tensor(a) for a in call.args)
        fake = op_cases.Call(name, tuple(fakes), call.attrs).run()
    for f, r in zip(fake, real, strict=True):
        assert (f.shape, f.stride(), f.dtype, f.device) == (r.shape, r.stride(), r.dtype, r.device)


def scattered(tensor):
    """The same values with no two of them neighbours in memory."""
    if tensor is None or tensor.dim() == 0:
        return tensor
    wide = torch.zeros(*(2 * size + 1 for size in tensor.shape), dtype=tensor.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in tensor.shape)]
    view = view.transpose(0, -1).contiguous().transpose(0, -1) if tensor.dim() > 1 else view
    return view.copy_(tensor)


@pytest.mark.parametrize("name,at", CASES)
def test_inputs_need_not_be_contiguous(name, at):
    call = op_cases.call(name, at)
    want = call.run()
    moved = op_cases.Call(name, tuple(map(scattered, call.args)), call.attrs)
    assert same_bits(moved.run(), want)
    for spec, tensor in zip(call.schema.inputs, call.args):
        if tensor is not None and tensor.dim() > 1:  # columns first, one argument at a time
            turned = tensor.transpose(0, -1).contiguous().transpose(0, -1)
            assert same_bits(call.replaced(**{spec.name: turned}).run(), want), spec.name


@pytest.mark.parametrize("dtype", op_cases.DTYPES, ids=label)
@pytest.mark.parametrize("name,at", CASES)
def test_one_and_two_threads_give_the_same_bits(name, at, dtype):
    call, before = op_cases.call(name, at, dtype), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        want = call.run()
        torch.set_num_threads(2)
        assert same_bits(call.run(), want)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name,at", CASES)
def test_inputs_are_left_alone_and_outputs_are_fresh(name, at):
    call = op_cases.call(name, at)
    before = [None if a is None else a.clone() for a in call.args]
    outputs = call.run()
    assert all(a is None or torch.equal(a, b) for a, b in zip(call.args, before))
    given = {a.data_ptr() for a in call.args if a is not None and a.numel()}
    assert not any(o.data_ptr() in given for o in outputs if o.numel())


@pytest.mark.parametrize("name", op_cases.names())
def test_the_front_function_documents_every_argument(name):
    front, schema = getattr(ops, name), ops.schemas[name]
    assert front.__name__ == name and front.__module__ == "strata.ops"
    assert all(f"    {argument}: " in front.__doc__ for argument in schema.signature)
    assert schema.doc in front.__doc__ and "Returns: [" in front.__doc__
