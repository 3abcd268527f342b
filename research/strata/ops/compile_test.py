"""Every operator under torch.compile(fullgraph=True) with the Inductor back end, static and dynamic, values and
gradients."""

import pytest
import torch
from kernels.testing import op_cases

from strata import ops

FORWARD = [name for name in op_cases.names() if not name.endswith("_backward")]


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    yield


def _compiled(name, attrs, **options):
    function = getattr(ops, name)
    return torch.compile(lambda *args: function(*args, **attrs), fullgraph=True, **options)


def _grown(call):
    """The same call with every dim that only `*` or the batch names made larger: a second shape for a dynamic graph."""
    twice = [None if a is None else torch.cat([a, a]) for a in call.args]
    names = [a.name for a in call.schema.inputs]
    grown = {}
    for spec, name, tensor in zip(call.schema.inputs, names, twice):
        if tensor is not None and spec.leading and tensor.dim() > len(spec.dims):
            grown[name] = tensor
    return call.replaced(**grown)


@pytest.mark.parametrize("name", FORWARD)
def test_static_shapes_give_the_bits_of_eager_mode(name):
    call = op_cases.call(name, 0)
    got = _compiled(name, call.attrs, dynamic=False)(*call.args)
    assert all(torch.equal(g, w) for g, w in zip(op_cases.as_tuple(got), call.run(), strict=True))


@pytest.mark.parametrize("name", FORWARD)
def test_dynamic_shapes_give_the_bits_of_eager_mode_at_another_size(name):
    first = op_cases.call(name, 0)
    run = _compiled(name, first.attrs, dynamic=True)
    for call in (first, _grown(first)):
        got = op_cases.as_tuple(run(*call.args))
        assert all(torch.equal(g, w) for g, w in zip(got, call.run(), strict=True))


@pytest.mark.parametrize("name", [name for name in FORWARD if op_cases.differentiable(name)])
def test_compiled_gradients_are_those_of_eager_mode(name):
    results = []
    for function in (getattr(ops, name), _compiled(name, {}, dynamic=True)):
        call = op_cases.call(name, 0).with_gradients()
        out = op_cases.as_tuple(function(*call.args))[0]
        generator = torch.Generator().manual_seed(5)
        out.backward(torch.randn(out.shape, generator=generator, dtype=out.dtype))
        results.append([a.grad for a in call.args if a is not None and a.requires_grad])
    assert results[0] and all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_model_of_several_operators_compiles_whole():
    def forward(x, weight, norm):
        return ops.gelu(ops.linear(ops.rms_norm(x, norm), weight)) * 2 + 1

    x, weight, norm = torch.randn(5, 16), torch.randn(8, 16), torch.randn(16)
    got = torch.compile(forward, fullgraph=True, dynamic=True)(x, weight, norm)
    torch.testing.assert_close(got, forward(x, weight, norm), rtol=0, atol=0)
