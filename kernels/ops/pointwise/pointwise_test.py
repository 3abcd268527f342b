"""pointwise against its definition in plain PyTorch: values, special values, dtypes, broadcasting, opcheck."""

import math

import pytest
import torch

from strata import ops

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}
UNARY = (
    "neg abs sign floor ceil round trunc reciprocal sqrt rsqrt exp expm1 log log1p sin cos tanh erf normal_cdf sigmoid "
    "silu gelu gelu_tanh"
).split()
BINARY = "add sub mul div min max pow eq ne lt le gt ge".split()
eager = ops.definition("pointwise").eager
SPECIALS = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-40, -1e-45, 3e38, -3e38, 0.5, 1.5, 2.5, -0.5, -1.5, 1.0, -1.0,
            2.0, 3.0, -2.0, -3.0, 1e-8, -1e-8, 88.0, -88.0, 104.0, -104.0, 1e4, 1e10, 1e22, 1e36]


def run(program, *inputs):
    return torch.ops.strata.pointwise(list(inputs), program)


def values(dtype, count=4000):
    generator = torch.Generator().manual_seed(count)
    wide = torch.randn(count, generator=generator, dtype=torch.float64)
    wide = torch.cat([wide, wide * 30, torch.tensor(SPECIALS, dtype=torch.float64)])
    return wide.to(dtype)


def near(got, want, dtype, relative=None):
    """`want` is in float64, of the same (rounded) inputs."""
    relative = relative or {torch.float32: 4e-7, torch.float64: 2e-15}.get(dtype, 0)
    want = want.to(torch.float64)
    rounded = want.to(dtype)
    if relative == 0:  # a narrow dtype: rounded once, from an answer that may be a last place of float32 off
        step = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}[dtype]
        relative = step * 1.01
    equal = (got == rounded) | (got.isnan() & rounded.isnan())
    tiny = {torch.float32: 2e-44, torch.float64: 1e-322, torch.bfloat16: 1e-40, torch.float16: 1e-7}[dtype]
    close = (got.double() - want).abs() <= relative * want.abs() + tiny
    bad = ~(equal | close)
    return "" if not bad.any() else f"got {got[bad][:4]}, wanted {want[bad][:4]}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_functions_agree_with_float64(name, dtype):
    x = values(DTYPES[dtype])
    (got,) = run(f"{dtype} x0; v0 = {name}(x0); return v0", x)
    (want,) = eager([x.double()], f"float64 x0; v0 = {name}(x0); return v0")
    if name in ("normal_cdf", "gelu", "gelu_tanh"):  # an absolute bound, for gelu of x times a distribution function
        bound = {"float32": 1.3e-7, "float64": 3e-16}.get(dtype, 4e-3)
        error = (got.double() - want).abs() / (1 if name == "normal_cdf" else x.double().abs().clamp(min=1))
        assert float(error.nan_to_num(0, 0, 0).max()) < bound * (1 if name == "normal_cdf" else 2)
        return
    keep = torch.ones_like(x, dtype=torch.bool)
    if name in ("sigmoid", "silu"):
        keep = ~(x < -80)  # e^-x overflows where the answer is next to 0, here as in PyTorch
    relative = 1e-6 if name in ("sigmoid", "silu") and dtype == "float32" else None
    wide = {"float64": 5e-15}.get(dtype)
    assert not (error := near(got[keep], want[keep], DTYPES[dtype], wide or relative)), error
    zeros = x == 0
    assert torch.equal(got[zeros].signbit(), want[zeros].signbit())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_operations_agree_with_pytorch(name, dtype):
    x = values(DTYPES[dtype], 30)
    x, y = x[:, None], x[None, :]
    program = f"{dtype} x0, {dtype} x1; v0 = {name}(x0, x1); return v0"
    (got,), (want,) = run(program, x, y), eager([x, y], program)
    if name == "pow":
        (want,) = eager([x.double(), y.double()], program.replace(dtype, "float64"))
        assert not (error := near(got, want, DTYPES[dtype], {"float64": 4e-15}.get(dtype))), error
    else:
        assert torch.equal(got.nan_to_num(7), want.nan_to_num(7)) and torch.equal(got != got, want != want)


@pytest.mark.parametrize("source", [*DTYPES, "int32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("target", [*DTYPES, "int32", "int64", "uint8", "bool"])
def test_casts_agree_with_pytorch(source, target):
    if source in DTYPES:
        x = torch.linspace(0 if target == "uint8" else -300, 255, 701, dtype=torch.float64).to(DTYPES[source])
        if target in DTYPES:
            x = torch.cat([x, values(DTYPES[source])])
    elif source in ("uint8", "bool"):
        x = (torch.arange(700) % (256 if source == "uint8" else 2)).to(getattr(torch, source))
    else:
        edge = torch.iinfo(getattr(torch, source))
        x = torch.cat([torch.arange(-300, 300), torch.tensor([edge.min, edge.max, 2**24 + 1])])
        x = x.to(getattr(torch, source))
    (got,) = run(f"{source} x0; v0 = {target}(x0); return v0", x)
    want = x.to(getattr(torch, target))
    if target in ("bfloat16", "float16") and source in ("int32", "int64", "float64"):
        want = x.float().to(want.dtype)  # by way of float32
    assert torch.equal(got.nan_to_num(7), want.nan_to_num(7)) if target in DTYPES else torch.equal(got, want)


def test_floats_beyond_an_integer_become_its_nearest():
    x = torch.tensor([math.nan, math.inf, -math.inf, 1e30, -1e30, 2.0**31, -2.0**31, 2.9, -2.9])
    low, high = -(2**31), 2**31 - 1
    (got,) = run("float32 x0; v0 = int32(x0); return v0", x)
    assert got.tolist() == [0, high, low, high, low, high, low, 2, -2]
    (got,) = run("float32 x0; v0 = uint8(x0); return v0", x)
    assert got.tolist() == [0, 255, 0, 255, 0, 255, 0, 2, 0]


@pytest.mark.parametrize("name", ["add", "sub", "mul", "min", "max", "eq", "lt", "le"])
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_integers_wrap_and_compare_as_in_pytorch(name, dtype):
    edge = torch.iinfo(dtype)
    x = torch.cat([torch.arange(-70, 70), torch.tensor([edge.min, edge.max, 0x12345678])]).to(dtype)
    word = str(dtype).removeprefix("torch.")
    program = f"{word} x0, {word} x1; v0 = {name}(x0, x1); return v0"
    assert torch.equal(run(program, x[:, None], x[None, :])[0], eager([x[:, None], x[None, :]], program)[0])


@pytest.mark.parametrize(
    "shapes",
    [[(2, 3), (3,)], [(4, 1), (1, 5)], [(), (7,)], [(2, 1, 600), (3, 1)], [(0, 3), (1, 3)], [(5, 1, 2), (1, 700, 1)]],
)
def test_inputs_broadcast(shapes):
    a, b = (torch.randn(shape) for shape in shapes)
    program = "float32 x0, float32 x1; v0 = sub(x0, x1); v1 = lt(x0, x1); return v0, v1"
    for got, want in zip(run(program, a, b), (a - b, a < b), strict=True):
        assert torch.equal(got, want)


def test_inputs_need_not_be_contiguous():
    x, y = torch.randn(30, 40).mT, torch.randn(40, 60)[:, ::2]
    (got,) = run("float32 x0, float32 x1; v0 = sub(x0, x1); return v0", x, y)
    assert torch.equal(got, x - y)


def test_opcheck():
    steps = "v0 = mul(x0, x1); v1 = select(x2, v0, 1); v2 = bfloat16(v1)"
    program = f"float32 x0, float32 x1, bool x2; {steps}; return v2, v0"
    inputs = [torch.randn(4, 8), torch.randn(8), torch.rand(4, 1) > 0.5]
    torch.library.opcheck(torch.ops.strata.pointwise.default, (inputs, program))


def test_errors_name_the_instruction():
    with pytest.raises(RuntimeError, match='instruction 0, "v0 = gulu.*no operation is named "gulu"'):
        run("float32 x0; v0 = gulu(x0); return v0", torch.ones(2))
    with pytest.raises(RuntimeError, match="inputs.1. has shape .3., which does not broadcast with .2. of those"):
        run("float32 x0, float32 x1; v0 = add(x0, x1); return v0", torch.ones(2), torch.ones(3))



@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_large_outputs_have_the_bits_of_small_ones(dtype):
    # Beyond the caches' size outputs are streamed past them.
    count = {"float32": 6_500_003, "bfloat16": 13_000_003}[dtype]
    x = torch.linspace(-5, 5, count).to(DTYPES[dtype])
    program = f"{dtype} x0, {dtype} x1; v0 = mul(x0, x0); v1 = sub(v0, x1); return v1"
    (got,) = run(program, x, x[:1])
    for part in (slice(0, 1000), slice(count - 1000, count), slice(5_000_000, 5_001_001)):
        assert torch.equal(got[part], run(program, x[part], x[:1])[0])
    assert torch.equal(ops.gelu(x[:-3])[7000:8000], ops.gelu(x[7000:8000]))
