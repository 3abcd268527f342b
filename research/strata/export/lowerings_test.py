"""Each lowering: a function is exported with a dynamic batch, and its plan compared with PyTorch at two sizes."""

import pytest
import torch
from torch.export import Dim
from torch.nn import functional as F

from strata.export import _lower
from strata.export._report import difference, flat
from strata.runtime import Plan


class Wrapped(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x, y=None, ids=None):
        given = [v for v in (x, y, ids) if v is not None]
        return self.function(*given)


def plan_of(function, inputs):
    names = dict(zip(("x", "y", "ids"), inputs))
    batch = Dim("B", min=1, max=64)
    shapes = {name: {0: batch} for name in names}
    entry, weights = _lower.lower(_lower.trace(Wrapped(function), (), names, shapes), shapes)
    return Plan(entry, weights)


def check(function, make, ulp):
    plan = plan_of(function, make(3))
    for batch in (3, 5):
        inputs = make(batch)
        got = plan(**dict(zip(("x", "y", "ids"), inputs)))
        want = flat(function(*inputs))
        for (name, mine), theirs in zip(got.items(), want, strict=True):
            assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
            assert difference(mine, theirs) <= ulp, f"{name} at {batch}"
    return plan


def noise(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape))).to(dtype)


def one(batch):
    return [noise(batch, 4, 6)]


def two(batch):
    return [noise(batch, 4, 6), noise(batch, 4, 6, seed=1)]


EXACT = {
    "reshape": lambda x: x.reshape(x.shape[0], 24).unsqueeze(1).squeeze(1).unflatten(1, (4, 6)).flatten(1),
    "permute": lambda x: x.permute(2, 0, 1).transpose(0, 1),
    "merge of a transposition": lambda x: x.transpose(1, 2).reshape(x.shape[0], 24),
    "heads of a slice": lambda x: x[..., 2:].unflatten(2, (2, 2)).transpose(1, 2),
    "expand": lambda x: x[:, :1].expand(-1, 3, -1) + 0.0,
    "steps": lambda x: x[:, ::2, 1::3],
    "from the end": lambda x: x[:, -2:, -1],
    "select": lambda x: x[:, 1] + x[:, -1],
    "split": lambda x: torch.split(x, [1, 2, 3], -1)[1],
    "chunk": lambda x: x.chunk(2, 1)[1],
    "unbind": lambda x: x.unbind(1)[2],
    "cat": lambda x: torch.cat([x, x[:, :1], x], 1),
    "stack": lambda x: torch.stack([x, -x], 2),
    "repeat": lambda x: x.repeat(1, 2, 1),
    "repeat in front": lambda x: x[:, 0].repeat(2, 1, 3),
    "repeat_interleave": lambda x: x.repeat_interleave(3, 1),
    "roll": lambda x: torch.roll(x, (1, -2), (1, 2)),
    "relu": F.relu, "neg": torch.neg, "abs": torch.abs, "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil,
    "round": torch.round, "trunc": torch.trunc, "square": torch.square, "clamp": lambda x: x.clamp(-0.5, 0.5),
    "clamp_min": lambda x: x.clamp(min=0.25), "clamp_max": lambda x: x.clamp_max(0.25), "relu6": F.relu6,
    "hardtanh": F.hardtanh, "leaky_relu": lambda x: F.leaky_relu(x, 0.1), "isnan": torch.isnan,
    "compare": lambda x: (x > 0.1) & (x <= 1) | (x == 0),
    "and a number": lambda x: torch.logical_and(x > 0, torch.tensor(True)),
    "not": lambda x: ~(x > 0), "xor": lambda x: (x > 0) ^ (x > 1),
    "where of numbers": lambda x: torch.where(x > 0, 0.0, -torch.inf),
    "masked_fill of a number": lambda x: torch.tensor(2.5).masked_fill(x > 0, -torch.inf),
    "where": lambda x: torch.where(x > 0, x, -1.0), "masked_fill": lambda x: x.masked_fill(x > 0, -torch.inf),
    "casts": lambda x: (x * 10).to(torch.int64).to(torch.float64),
    "mixed dtypes": lambda x: x + (x > 0) + (x * 3).int(),
    "alpha": lambda x: torch.add(x, x[:, :1], alpha=2), "rsub": lambda x: 1 - x,
    "floor division": lambda x: torch.div((x * 10).long(), 3, rounding_mode="floor"),
    "remainder": lambda x: (x * 10).long() % 3, "fmod": lambda x: torch.fmod((x * 10).long(), 3),
    "remainder of floats": lambda x: torch.remainder(x * 1e4, 0.3) + torch.fmod(x * 1e4, x[:, :1] * 7),
    "filled": lambda x: torch.full_like(x, 2.5) + torch.zeros(x.shape[0], 1, 6) + x.new_ones(x.shape),
    "arange of a size": lambda x: torch.arange(x.shape[0]) * 2,
    "arange in floats": lambda x: torch.arange(x.shape[0], dtype=torch.float32) + x[:, 0, 0],
    "tril": lambda x: torch.tril(x), "triu": lambda x: torch.triu(x, 1),
    "amax": lambda x: x.amax((0, 2)), "amin": lambda x: x.amin(1, keepdim=True),
    "max with its place": lambda x: x.max(1), "argmin": lambda x: x.argmin(-1), "any": lambda x: (x > 1).any(1),
    "all": lambda x: (x > -9).all(), "count": lambda x: (x > 0).sum(2), "topk": lambda x: x.topk(2),
    "cumsum of integers": lambda x: (x > 0).cumsum(1), "cumsum from the last dim": lambda x: (x * 8).round().cumsum(-1),
    "minimum": lambda x: torch.minimum(x, x * 2),
    "write rows": lambda x: x.clone().index_copy_(1, torch.tensor([3, 1]), x[:, :2] * 2),
    "write rows by data": lambda x: torch.ops.aten.index_put(
        x, [None, (x[0, :2, 0] > 0).long() - torch.tensor([0, 4])], x[:, 2:] * 2),
    "write one by data": lambda x: torch.ops.aten.index_put(x, [None, None, (x[0, 0, 0] > 0).int()], x[:, :, 0] * 2),
    "write into the batch": lambda x: x.index_put((torch.arange(x.shape[0]) - 1,), x * 2),
    "write one number": lambda x: torch.ops.aten.index_put(x, [None, torch.tensor([2])], torch.tensor(7.0)),
    "write a slice": lambda x: torch.slice_scatter(x, x[:, :2] * 2, 1, -3, -1),
    "write to the end": lambda x: torch.slice_scatter(x, x[:, :2] * 2, 1, 2),
    "write all": lambda x: torch.slice_scatter(x, x * 2, 1),
    "write a place": lambda x: torch.select_scatter(x, x[:, 0] * 2, 1, -1),
}  # fmt: skip
CLOSE = {
    "exp": torch.exp, "expm1": torch.expm1, "log": lambda x: torch.log(abs(x)), "log1p": lambda x: torch.log1p(abs(x)),
    "sqrt": lambda x: torch.sqrt(abs(x)), "rsqrt": lambda x: torch.rsqrt(abs(x)), "sin": torch.sin, "cos": torch.cos,
    "tanh": torch.tanh, "erf": torch.erf, "sigmoid": torch.sigmoid, "reciprocal": torch.reciprocal, "silu": F.silu,
    "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "exp2": torch.exp2,
    "log2": lambda x: torch.log2(abs(x)), "tan": torch.tan, "erfc": torch.erfc, "logsigmoid": F.logsigmoid,
    "hardsigmoid": F.hardsigmoid, "hardswish": F.hardswish, "mish": F.mish, "elu": lambda x: F.elu(x, 0.7),
    "selu": F.selu,
    "softplus": lambda x: F.softplus(x * 9), "pow": lambda x: abs(x) ** 1.5, "pow of numbers": lambda x: 2.0**x,
    "cube": lambda x: x**3, "div": lambda x: x / 3 + 1 / x, "glu": F.glu, "lerp": lambda x: torch.lerp(x, -x, 0.3),
    "addcmul": lambda x: torch.addcmul(x, x, x, value=0.5), "mean": lambda x: x.mean((1, 2)), "mean of all": torch.mean,
    "sum": lambda x: x.sum(1, keepdim=True),
    "var": lambda x: x.var(1), "std": lambda x: x.std((0, 2), correction=0),
    "cumprod": lambda x: x.cumprod(2),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=-1), "norm 1": lambda x: x.norm(1, -1),
    "normalize": lambda x: F.normalize(x, dim=1), "logsumexp": lambda x: x.logsumexp(1),
    "softmax": lambda x: x.softmax(1), "log_softmax": lambda x: x.log_softmax(-1), "cumsum": lambda x: x.cumsum(1),
    "layer_norm": lambda x: F.layer_norm(x, (4, 6)), "rms_norm": lambda x: F.rms_norm(x, (6,)),
    "group_norm": lambda x: F.group_norm(x, 2), "instance_norm": F.instance_norm,
    "batch_norm": lambda x: F.batch_norm(x, torch.linspace(-1, 1, 4), torch.linspace(1, 2, 4)),
    "linear": lambda x: F.linear(x, torch.linspace(-1, 1, 18).view(3, 6), torch.ones(3)),
    "matmul with its turn": lambda x: x @ x.transpose(1, 2),
    "matmul with a matrix": lambda x: x @ torch.linspace(-1, 1, 18).view(6, 3),
    "matmul with a vector": lambda x: x @ torch.linspace(-1, 1, 6), "outer": lambda x: x[:, 0, :, None] @ x[:, 1, None],
    "baddbmm": lambda x: torch.baddbmm(x[:, :, :4], x, x.transpose(1, 2)),
    "einsum": lambda x: torch.einsum("bij,bkj->bik", x, x),
    "broadcast matmul": lambda x: x[:, None] @ x.transpose(1, 2)[:, None].expand(-1, 2, -1, -1),
    "attention": lambda x: F.scaled_dot_product_attention(*[x.view(x.shape[0], 4, 2, 3).transpose(1, 2)] * 3),
    "causal attention": lambda x: F.scaled_dot_product_attention(*[x[:, None]] * 3, is_causal=True, scale=0.3),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_what_has_one_right_answer_is_pytorchs_to_the_bit(name):
    check(EXACT[name], one, 0)


@pytest.mark.parametrize("name", CLOSE)
def test_what_rounds_is_close_to_pytorch(name):
    check(CLOSE[name], one, 16)


TWO = {
    "arithmetic": lambda x, y: (x + y) * y - x / y, "compare": lambda x, y: torch.where(x < y, x, y),
    "broadcast": lambda x, y: x[:, :1] * y[:, :, :1] + x.mean(),
    "maximum": lambda x, y: torch.maximum(x, y) + torch.min(x, y), "bmm": lambda x, y: torch.bmm(x, y.transpose(1, 2)),
    "cross attention": lambda x, y: F.scaled_dot_product_attention(x[:, None], y[:, None, :3], y[:, None, :3]),
    "masked attention": lambda x, y: F.scaled_dot_product_attention(
        x[:, None], y[:, None], y[:, None], attn_mask=(y.sum(-1) > -9)[:, None, None] & torch.ones(4, 4).tril().bool()),
    "biased attention": lambda x, y: F.scaled_dot_product_attention(
        x.view(-1, 2, 4, 3), y.view(-1, 2, 4, 3), x.view(-1, 2, 4, 3), attn_mask=torch.arange(32.0).view(2, 4, 4) / 9),
}  # fmt: skip


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_tensors(name):
    check(TWO[name], two, 16)


def picked(batch):
    generator = torch.Generator().manual_seed(batch)
    return [noise(batch, 4, 6), noise(batch, 4, 6, seed=1), torch.randint(-4, 4, (batch, 5), generator=generator)]


PICK = {
    "index": lambda x, y, ids: torch.arange(24.0).view(4, 6)[ids],
    "embedding": lambda x, y, ids: F.embedding(ids.clamp(min=0), torch.arange(24.0).view(4, 6)),
    "index_select": lambda x, y, ids: torch.index_select(x, 1, torch.tensor([3, 0, 0])),
    "two indices": lambda x, y, ids: torch.arange(24.0).view(4, 6)[ids, ids.abs()],
    "a row for each item": lambda x, y, ids: x[torch.arange(x.shape[0]), ids[:, 0]],
    "an index behind": lambda x, y, ids: x[:, :, torch.tensor([[5, 1], [0, -1]])],
    "gather": lambda x, y, ids: x[:, 0].gather(1, ids % 6),
    "gather in front": lambda x, y, ids: x.gather(1, (ids % 4)[:, :, None].expand(-1, -1, 6)),
    "bools and integers": lambda x, y, ids: torch.cat([(x > 0)[:, 0, :5], ids > 0], 1)[:, ::3],
}  # fmt: skip


@pytest.mark.parametrize("name", PICK)
def test_picking_by_number_is_exact(name):
    check(PICK[name], picked, 0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["silu", "gelu", "softplus", "mish", "elu", "div", "mean", "softmax", "layer_norm",
                                  "linear", "hardswish", "logsigmoid"])  # fmt: skip
def test_other_dtypes(name, dtype):
    function = CLOSE[name]
    if name == "linear":
        function = lambda x: F.linear(x, torch.linspace(-1, 1, 18, dtype=dtype).view(3, 6))  # noqa: E731
    check(function, lambda batch: [noise(batch, 4, 6, dtype=dtype)], 16)


def steps(plan):
    return [step.get("op") or step["view"] for step in plan.entry["steps"]]


def test_a_chain_of_functions_is_one_step():
    plan = check(lambda x: torch.sigmoid(x * 2 + 1).clamp(max=0.9) * x, one, 16)
    assert steps(plan) == ["pointwise"]


def test_what_two_steps_read_is_computed_once():
    plan = check(lambda x: (lambda y: (y.sum(2), y.softmax(2)))(x * 2 + 1), one, 16)
    assert steps(plan).count("pointwise") == 1


def test_attention_of_the_usual_build_copies_nothing():
    def function(x):
        q, k, v = (F.linear(x, torch.eye(6) + i).unflatten(2, (2, 3)).transpose(1, 2) for i in range(3))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    plan = check(function, one, 16)
    runs = [s for s in plan.entry["steps"] if s.get("op") == "copy" and s["outputs"][0]["dtype"] == "float32"]
    assert not runs and steps(plan).count("attention") == 1
