"""Fused functions: values, gradients against PyTorch and numerically, compiling, what cannot be fused."""

import math

import pytest
import torch
from torch.nn import functional as torch_f

from strata import ops, pointwise
from strata.nn import functional as F
from strata.pointwise._plan import training

SWIGLU = pointwise.fuse(lambda gate, up: gate * torch.sigmoid(gate) * up)

ACTIVATIONS = {
    F.relu: torch.relu, F.sigmoid: torch.sigmoid, F.tanh: torch.tanh, F.silu: torch_f.silu,
    F.softplus: torch_f.softplus, F.mish: torch_f.mish, F.gelu: torch_f.gelu,
    (lambda x: F.gelu(x, "tanh")): lambda x: torch_f.gelu(x, approximate="tanh"),
}  # fmt: skip


def everything(x, y):
    """Every operation that has a gradient."""
    a = abs(x) + 0.5
    b = torch.exp(-a) + torch.expm1(y) - torch.log(a) * torch.log1p(a)
    c = torch.sin(x) * torch.cos(y) + torch.tanh(x) / (1 + torch.sigmoid(y))
    d = torch.erf(x) + torch.special.ndtr(y) + torch.sqrt(a) + torch.rsqrt(a) + 1 / a + torch.reciprocal(a)
    e = torch.maximum(x, y) + pointwise.minimum(x, 0.3) + torch.where(x > y, x, y * 2) + a**y + a**2.5 + 2.0**y + x**3
    f = torch.clamp(x, -0.5, 0.5) + torch.relu(y) + torch.square(x) - (y - 1)
    return b * c + d, e - f


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("ours,theirs", ACTIVATIONS.items(), ids=[t.__name__ for t in ACTIVATIONS.values()])
def test_activations_and_their_gradients_agree_with_pytorch(ours, theirs, dtype):
    x = torch.linspace(-12, 12, 999, dtype=torch.float64).to(dtype).requires_grad_()
    wide = x.detach().double().requires_grad_()
    got, want = ours(x), theirs(wide)
    bound = {torch.float32: 2e-6, torch.float64: 1e-14, torch.bfloat16: 1.7e-2}[dtype]
    torch.testing.assert_close(got.double(), want, rtol=bound, atol=bound)
    grad = torch.randn(999, generator=torch.Generator().manual_seed(1))
    (g,) = torch.autograd.grad(got, x, grad.to(dtype))
    (w,) = torch.autograd.grad(want, wide, grad.to(dtype).double())
    torch.testing.assert_close(g.double(), w, rtol=bound * 2, atol=bound * 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_has_the_bits_of_the_operator(approximate, dtype):
    x = (torch.randn(5000) * 4).to(dtype)
    assert torch.equal(F.gelu(x, approximate), ops.gelu(x, approximate))


def test_every_gradient_is_the_slope():
    fused = pointwise.fuse(everything)
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(3, 4, generator=generator, dtype=torch.float64).requires_grad_()
    y = torch.randn(4, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(fused, (x, y))
    text = fused.text(x.dtype, y.dtype)
    assert torch.autograd.gradcheck(lambda a, b: torch.ops.strata.pointwise([a, b], text), (x, y))


def test_the_slope_of_silu_is_finite_where_its_exponential_is_not():
    x = torch.tensor([-1e30, -200.0, -89.0, -50.0, 0.0, 50.0, 1e30], requires_grad=True)
    for ours in (F.silu, pointwise.fuse(lambda a: a * torch.sigmoid(a))):
        (got,) = torch.autograd.grad(ours(x).sum(), x)
        (want,) = torch.autograd.grad(torch.nn.functional.silu(x).sum(), x)
        torch.testing.assert_close(got, want)


def test_functions_of_one_value_have_one_slope():
    x = torch.linspace(-3, 3, 41, dtype=torch.float64, requires_grad=True)
    for function in (lambda a: a * a, lambda a: a * torch.tanh(a), lambda a: torch.exp(a) / (2 + torch.cos(a)),
                     lambda a: (a - torch.sin(a)) * torch.rsqrt(a * a + 1), lambda a: pointwise.fma(a, a, a),
                     lambda a: a * 3 - a, lambda a: a.float() * torch.erf(a)):  # fmt: skip
        got = torch.autograd.grad(pointwise.fuse(function)(x).sum(), x)
        plain = function if function.__code__.co_names[:1] != ("pointwise",) else lambda a: a * a + a
        torch.testing.assert_close(got, torch.autograd.grad(plain(x).sum(), x))


def test_a_fused_function_gives_what_it_gives_on_tensors():
    x, y = torch.randn(4, 1, 300), torch.randn(5, 1)
    got = pointwise.fuse(lambda a, b: (a * 2 - b) / (abs(b) + 1))(x, y)
    assert torch.equal(got, (x * 2 - y) / (abs(y) + 1))
    narrow = pointwise.fuse(lambda a, b: (a + b) * a - b)(x.bfloat16(), y.bfloat16())
    assert torch.equal(narrow, (x.bfloat16() + y.bfloat16()) * x.bfloat16() - y.bfloat16())


def test_logarithms_and_powers_of_two_and_ten():
    x = torch.tensor([0.5, 1.0, 2.0, 8.0, 100.0, 1024.0])
    two, ten, power = pointwise.fuse(lambda a: (torch.log2(a), torch.log10(a), torch.exp2(torch.log2(a))))(x)
    torch.testing.assert_close(two, torch.log2(x))
    torch.testing.assert_close(ten, torch.log10(x))
    torch.testing.assert_close(power, x)
    assert two[3] == 3 and ten[4] == 2


def test_a_sequence_with_its_own_seed_is_dropped_out_as_it_is_alone():
    dropout = pointwise.fuse(lambda a, seed: torch.where(pointwise.uniform(seed, 0) < 0.25, 0.0, a))
    x, seeds = torch.ones(4, 7, 33), torch.tensor([5, 9, 5, 2]).view(4, 1, 1)
    batch = dropout(x, seeds)
    assert torch.equal(batch[1:2], dropout(x[1:2], seeds[1:2])) and torch.equal(batch[0], batch[2])
    assert not torch.equal(batch[0], batch[1])


def test_dtypes_are_promoted_as_in_pytorch():
    x, n, m = torch.randn(7), torch.arange(7), torch.arange(7) > 3
    for function in (lambda a, b, c: a + b, lambda a, b, c: b / 2, lambda a, b, c: b + 1.5, lambda a, b, c: b * b + b,
                     lambda a, b, c: torch.where(c, a, 0.0), lambda a, b, c: c & (b > 2),
                     lambda a, b, c: a.double() + a):  # fmt: skip
        used = pointwise.fuse(lambda a, b, c, f=function: (f(a, b, c), a * b, ~c))(x, n, m)[0]
        want = function(x, n, m)
        assert used.dtype == want.dtype and torch.equal(used, want)


def test_only_the_gradients_that_are_asked_for_are_made_and_broadcasts_are_summed():
    x, bias = torch.randn(6, 5, requires_grad=True), torch.randn(5, requires_grad=True)
    fused = pointwise.fuse(lambda a, b: (a + b) * 2)
    out = fused(x, bias)
    gx, gb = torch.autograd.grad(out.sum(), [x, bias])
    assert torch.equal(gx, torch.full((6, 5), 2.0)) and torch.equal(gb, torch.full((5,), 12.0))
    fused(x.detach(), bias).sum().backward()
    assert x.grad is None and torch.equal(bias.grad, gb)
    assert ops.pointwise([x, bias], fused.text(x.dtype, bias.dtype))[0].requires_grad


@pytest.mark.parametrize("dynamic", [False, True])
def test_compiles_in_one_piece(dynamic):
    x, y = torch.randn(8, 16, requires_grad=True), torch.randn(16, requires_grad=True)
    compiled = torch.compile(lambda a, b: SWIGLU(a, b) * 2, fullgraph=True, dynamic=dynamic)
    want = SWIGLU(x, y) * 2
    got = compiled(x, y)
    torch.testing.assert_close(got, want)
    for g, w in zip(torch.autograd.grad(got.sum(), [x, y]), torch.autograd.grad(want.sum(), [x, y]), strict=True):
        torch.testing.assert_close(g, w)


def test_opcheck_with_gradients():
    x, y = torch.randn(3, 4, requires_grad=True), torch.randn(4, requires_grad=True)
    torch.library.opcheck(torch.ops.strata.pointwise.default, ([x, y], SWIGLU.text(x.dtype, y.dtype)))


def test_dropout_is_a_function_of_the_seed_and_its_gradient_keeps_the_same_elements():
    dropout = pointwise.fuse(lambda a, seed: torch.where(pointwise.uniform(seed, 0) < 0.25, 0.0, a * (1 / 0.75)))
    x = torch.ones(10000, requires_grad=True)
    y, again, other = (dropout(x, torch.tensor(seed)) for seed in (1, 1, 2))
    assert torch.equal(y, again) and not torch.equal(y, other)
    assert abs(float((y == 0).double().mean()) - 0.25) < 0.02
    (grad,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(grad, y.detach())


def _two_masks(a, b, seed):
    first, second = (pointwise.uniform(seed, i) < 0.5 for i in (0, 1))
    return torch.where(first & second, a * b, b), torch.where(first, a, 0.0)


RANDOM = {
    "dropout": (lambda a, b, seed: torch.where(pointwise.uniform(seed, 3) < 0.1, 0.0, a * b), 1),
    "masks of masks": (_two_masks, 2),
    "a mask that is a result, too": (lambda a, b, seed: (torch.where(pointwise.normal(seed, 0) < a, b, a),
                                                         pointwise.normal(seed, 0) < a), 0),
    "a scale, which is drawn again": (lambda a, b, seed: a * b * pointwise.normal(seed, 0), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", RANDOM)
def test_gradients_with_kept_random_truths_are_those_that_draw_again(name):
    function, count = RANDOM[name]
    fused = pointwise.fuse(function)
    a, b, seed = torch.randn(7, 65, requires_grad=True), torch.randn(65, requires_grad=True), torch.tensor(5)
    text = fused.text(a.dtype, b.dtype, seed.dtype)
    assert len(training(text, (True, True, False))[1]) == count
    outputs = [y for y in pointwise.run(text, (a, b, seed)) if y.requires_grad]
    grads = [torch.randn_like(y) for y in outputs]
    got = torch.autograd.grad(outputs, (a, b), grads)
    # torch.ops' own gradient keeps nothing.
    again = [y for y in torch.ops.strata.pointwise([a, b, seed], text) if y.requires_grad]
    want = torch.autograd.grad(again, (a, b), grads)
    assert all(torch.equal(g, w) for g, w in zip(got, want, strict=True))


def test_what_cannot_be_fused_says_so():
    one = torch.ones(2)
    with pytest.raises(TypeError, match="torch.cumsum is not an operation of a fused function"):
        pointwise.fuse(lambda x: torch.cumsum(x, 0))(one)
    with pytest.raises(TypeError, match="cannot branch on a value"):
        pointwise.fuse(lambda x: x if x > 0 else -x)(one)
    with pytest.raises(TypeError, match="returns values that it has computed"):
        pointwise.fuse(lambda x: x)(one)
    with pytest.raises(ValueError, match="an argument is not used"):
        pointwise.fuse(lambda x, y: x + 1)(one, one)
    with pytest.raises(ValueError, match="instructions: 256 is the most"):
        pointwise.fuse(lambda x: sum(math.pi * x + i for i in range(200)))(one)
