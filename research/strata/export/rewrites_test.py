"""Each rewrite by itself: the plan with it gives the bits of the plan without any, and what only looks alike is left
alone."""

import functools

import pytest
import torch
from torch.export import Dim
from torch.nn import functional as F

from strata.export import ExportError, _lower
from strata.export._history import History
from strata.export.rewrites import RULES, choose, name
from strata.runtime import Plan


class Wrapped(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x, y):
        return self.function(x, y)


def noise(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape))).to(dtype)


def inputs(batch, shape, dtype):
    x, y = noise(batch, *shape, dtype=dtype), noise(batch, *shape, dtype=dtype, seed=1)
    x.view(-1)[:4] = torch.tensor([0.0, -0.0, 1e30, -1e30], dtype=dtype)
    return {"x": x, "y": y}


@functools.cache  # made while the function runs by itself: a trace would hold the making of it
def weight(*shape, dtype=torch.float32, seed=7):
    return noise(*shape, dtype=dtype, seed=seed)


def bits(tensor):
    return tensor if not tensor.is_floating_point() else tensor.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[
        tensor.element_size()])  # fmt: skip


def both(function, rules, shape=(4, 6), dtype=torch.float32):
    """The steps of the plan without rewrites and with `rules` alone; their outputs are compared bit for bit."""
    batch = Dim("B", min=1, max=64)
    dims = {"x": {0: batch}, "y": {0: batch}}
    function(**inputs(3, shape, dtype))
    program = _lower.trace(Wrapped(function), (), inputs(3, shape, dtype), dims)
    plain = Plan(*_lower.lower(program, dims, rewrites=["none"]))
    plan = Plan(*_lower.lower(program, dims, rewrites=["none", *rules]))
    for size in (1, 3, 6):
        given = inputs(size, shape, dtype)
        want, got = plain(**given), plan(**given)
        assert all(torch.equal(bits(got[n]), bits(want[n])) for n in want)
    return [[step.get("op") or step["view"] for step in p.entry["steps"]] for p in (plain, plan)]


def layer(x, out=6, bias=True, seed=7):
    dtype = x.dtype
    return F.linear(x, weight(out, 6, dtype=dtype, seed=seed), weight(out, dtype=dtype, seed=seed) if bias else None)


def normed(x):
    return F.layer_norm(x, (6,), weight(6), weight(6, seed=3))


def batch_normed(x):
    return F.batch_norm(x, weight(4), weight(4, seed=1).abs(), weight(4, seed=2), weight(4, seed=3))


def look(*qkv):
    q, k, v = (part.unflatten(2, (2, 3)).transpose(1, 2) for part in qkv)
    return F.scaled_dot_product_attention(q, k, v)


# rule -> what it is tried on, and the steps that are left. The rules named with it make its pattern.
CASES = {
    "gelu": (["activations"], lambda x, y: F.gelu(layer(x)), ["linear"]),
    "tanh gelu": (["activations"], lambda x, y: F.gelu(layer(x), approximate="tanh"), ["linear"]),
    "relu": (["activations"], lambda x, y: F.relu(layer(x)), ["linear"]),
    "silu": (["activations"], lambda x, y: F.silu(layer(x)), ["linear"]),
    "relu of batch_norm": (["activations"], lambda x, y: F.relu(batch_normed(x)), ["batch_norm"]),
    "silu of group_norm": (["activations"], lambda x, y: F.silu(F.group_norm(x, 2)), ["group_norm"]),
    "bias": (["linear_bias"], lambda x, y: layer(x, bias=False) + weight(6), ["linear"]),
    "bias in front": (["linear_bias"], lambda x, y: weight(6) + layer(x, bias=False), ["linear"]),
    "gate": (["gates"], lambda x, y: y * layer(x), ["linear"]),
    "swiglu": (["activations", "gates"], lambda x, y: F.silu(layer(x)) * layer(x, seed=2), ["linear", "linear"]),
    "geglu, last first": (["activations", "gates"], lambda x, y: layer(x, seed=2) * F.gelu(layer(x)), ["linear"] * 2),
    "geglu of one weight": (
        ["split_gates", "activations", "gates"],
        lambda x, y: (lambda a, b: a * F.gelu(b))(*layer(x, 12).chunk(2, -1)),
        ["linear", "linear"],
    ),
    "swiglu of one weight without a bias": (
        ["split_gates", "activations", "gates"],
        lambda x, y: (lambda a, b: F.silu(a) * b)(*layer(x, 10, bias=False).chunk(2, -1)),
        ["linear", "linear"],
    ),
    "residual": (["residuals"], lambda x, y: layer(x) + y, ["linear"]),
    "residual in front": (["residuals"], lambda x, y: y + layer(x), ["linear"]),
    "all of them": (
        ["activations", "gates", "residuals"],
        lambda x, y: x + layer(y) * F.gelu(layer(x)),
        ["linear", "linear"],
    ),
    "relu after a residual": (
        ["residuals", "activations"],
        lambda x, y: F.relu(batch_normed(x) + y),
        ["batch_norm"],
    ),
    "norm of a sum": (["add_norm"], lambda x, y: normed(x + y), ["add_layer_norm"]),
    "norm of a sum that others read": (
        ["add_norm"],
        lambda x, y: (lambda s: (normed(s), s.softmax(-1), s))(x + y),
        ["add_layer_norm", "softmax"],
    ),
    "rms_norm of a sum": (["add_norm"], lambda x, y: F.rms_norm(x + y, (6,), weight(6)), ["add_rms_norm"]),
    "group_norm of a sum": (["add_norm"], lambda x, y: F.group_norm(x + y, 2), ["add_group_norm"]),
    "relu of batch_norm on images": (
        ["activations"],
        lambda x, y: F.relu(batch_normed(x.unflatten(2, (2, 3)))),
        ["reshape", "reshape", "batch_norm", "reshape"],
    ),
    "relu of a residual on images": (
        ["residuals", "activations", "views"],
        lambda x, y: F.relu(batch_normed(x.unflatten(2, (2, 3))) + y.unflatten(2, (2, 3))),
        ["batch_norm", "reshape"],
    ),
    "norm of a sum on images": (
        ["add_norm", "activations", "views"],
        lambda x, y: (lambda s: (F.silu(F.group_norm(s, 2)), s))(x.unflatten(2, (2, 3)) + y.unflatten(2, (2, 3))),
        ["add_group_norm", "reshape", "reshape"],
    ),
    "a weight in another shape": (
        ["constant_views"],
        lambda x, y: F.conv1d(x, weight(4, 4, 3)),
        ["reshape", "convolution", "reshape"],
    ),
    "the same twice": (
        ["common_steps"],
        lambda x, y: x.softmax(-1) + x.softmax(-1) * 2,
        ["softmax", "pointwise", "pointwise"],
    ),
    "times one, less nothing": (
        ["pointwise_chains", "identities"],
        lambda x, y: (x.neg().neg() * 1.0 - 0.0).softmax(-1) + (y.double().float() / 1.0).softmax(-1),
        ["softmax", "softmax", "pointwise"],
    ),
    "turned and turned back": (
        ["views"],
        lambda x, y: x.transpose(1, 2).unsqueeze(1).squeeze(1).transpose(1, 2).softmax(-1),
        ["softmax"],
    ),
    "rows": (
        ["row_shapes"],
        lambda x, y: layer(x.reshape(x.shape[0] * 4, 6)).reshape(x.shape[0], 4, 6).softmax(-1),
        ["linear", "softmax"],
    ),
}

NEAR_MISSES = {
    "an activation beside another reader": (["activations"], lambda x, y: (lambda z: (z.relu(), z.sum(1)))(layer(x))),
    "an activation of an output": (["activations"], lambda x, y: (lambda z: (z.relu(), z))(layer(x))),
    "not relu": (["activations"], lambda x, y: layer(x).clamp(min=1)),
    "an activation that linear lacks": (["activations"], lambda x, y: torch.tanh(layer(x))),
    "gelu of batch_norm": (["activations"], lambda x, y: F.gelu(batch_normed(x))),
    "relu behind a gate": (["activations"], lambda x, y: F.relu(layer(x) * y)),
    "a second bias": (["linear_bias"], lambda x, y: layer(x) + weight(6)),
    "a bias that is computed": (["linear_bias"], lambda x, y: layer(x, bias=False) + y[0, 0]),
    "a column's bias": (["linear_bias"], lambda x, y: layer(x, bias=False) + weight(4, 1)),
    "a gate that broadcasts": (["gates"], lambda x, y: layer(x) * y[:, :1]),
    "the square of a layer": (["gates"], lambda x, y: (lambda z: z * z)(layer(x))),
    "halves that others read": (
        ["split_gates"],
        lambda x, y: (lambda a, b: (a * F.gelu(b), b.sum(1)))(*layer(x, 12).chunk(2, -1)),
    ),
    "thirds": (["split_gates"], lambda x, y: (lambda a, b, c: a * b + c)(*layer(x, 12).chunk(3, -1))),
    "halves of the rows": (["split_gates"], lambda x, y: (lambda a, b: a * b)(*layer(x, 12).chunk(2, 1))),
    "halves of two layers": (
        ["split_gates"],
        lambda x, y: layer(x, 12)[..., :6] * layer(y, 12, seed=2)[..., 6:],
    ),
    "a difference": (["residuals"], lambda x, y: y - layer(x)),
    "a multiple of the other": (["residuals"], lambda x, y: torch.add(layer(x), y, alpha=2)),
    "a residual that broadcasts": (["residuals"], lambda x, y: layer(x) + y[:1]),
    "a residual of a layer that others read": (["residuals"], lambda x, y: (lambda z: (z + y, z))(layer(x))),
    "an activation of a reshape that others read": (
        ["activations"],
        lambda x, y: (lambda z: (F.relu(z), z.sum(1)))(batch_normed(x).unflatten(2, (2, 3))),
    ),
    "a product's norm": (["add_norm"], lambda x, y: normed(x * y)),
    "softmax of a sum": (["add_norm"], lambda x, y: (x + y).softmax(-1)),
    "layers of three inputs": (["merged_linear"], lambda x, y: look(layer(x), layer(y), layer(x + y, seed=2))),
    "one with a bias, one without": (
        ["merged_linear"],
        lambda x, y: look(layer(x), layer(x, bias=False, seed=2), y),
    ),
    "a weight that others read": (["merged_linear"], lambda x, y: look(layer(x), layer(x), layer(y))),
    "readers that want whole rows": (["merged_linear"], lambda x, y: layer(x).softmax(-1) * layer(x, seed=2)),
    "layers that the model gives": (["merged_linear"], lambda x, y: (layer(x), layer(x, seed=2))),
    "plus nothing, which makes 0 of -0": (["identities"], lambda x, y: (x + 0.0) * (y - -0.0)),
    "there and back with loss": (["identities"], lambda x, y: x.bfloat16().float() + y.int().float()),
    "a weight that is read in two shapes": (
        ["constant_views"],
        lambda x, y: F.conv1d(x, weight(4, 4, 3)) + (weight(4, 4, 3) * y.sum()).sum(0)[:, :1],
    ),
    "the same of others": (["common_steps"], lambda x, y: x.softmax(-1) + y.softmax(-1)),
    "other attributes": (["common_steps"], lambda x, y: F.group_norm(x, 2) + F.group_norm(x, 4)),
    "turned twice": (["views"], lambda x, y: x.transpose(1, 2).contiguous().softmax(-1)),
    "rows of another width": (["row_shapes"], lambda x, y: x.reshape(x.shape[0] * 2, 12).softmax(-1)),
    "rows that stay": (["row_shapes"], lambda x, y: layer(x.reshape(x.shape[0] * 4, 6)).sum(0)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_plan_is_smaller_and_its_bits_are_the_same(case):
    rules, function, want = CASES[case]
    before, after = both(function, rules)
    assert sorted(after) == sorted(want) and len(after) < len(before)


def test_queries_keys_and_values_are_slices_of_one_product():
    before, after = both(lambda x, y: look(layer(x), layer(x, seed=2), layer(x, seed=3)), ["merged_linear"])
    assert (before.count("linear"), after.count("linear")) == (3, 1)
    assert after.count("slice") == before.count("slice") + 3
    assert before.count("copy") == after.count("copy")


@pytest.mark.parametrize("case", NEAR_MISSES)
def test_what_looks_alike_is_left_alone(case):
    rules, function = NEAR_MISSES[case]
    before, after = both(function, rules)
    assert after == before


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_dtypes_keep_their_bits_too(dtype):
    def function(x, y):
        return x + layer(y) * F.gelu(layer(x)), F.relu(layer(x, bias=False) + weight(6, dtype=dtype))

    before, after = both(function, ["linear_bias", "activations", "gates", "residuals"], dtype=dtype)
    # A narrow sum is rounded ahead of a vector that is added to it, not ahead of a bias: that one stays.
    assert after.count("linear") == 3 and after.count("pointwise") == (2 if dtype == torch.bfloat16 else 0)


def test_columns_of_a_merged_layer_have_their_bits_at_any_number_of_rows():
    from strata import ops

    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        parts = [weight(n, 131, dtype=dtype, seed=n) for n in (48, 7, 200)]
        for rows in (1, 3, 8, 9, 65, 300):
            x = noise(rows, 131, dtype=dtype)
            whole = ops.linear(x, torch.cat(parts)).split([48, 7, 200], -1)
            assert all(torch.equal(bits(ops.linear(x, p)), bits(w)) for p, w in zip(parts, whole))


def test_what_the_rewrites_did_can_be_read():
    dims = {"x": {0: Dim("B", min=1, max=64)}, "y": {0: Dim("B", min=1, max=64)}}
    given = inputs(3, (4, 6), torch.float32)

    def function(x, y):
        return F.gelu(layer(x)) * layer(F.gelu(layer(y, seed=3)), seed=2) + 1

    function(**given)
    history = History()
    _lower.lower(_lower.trace(Wrapped(function), (), given, dims), dims, see=history.see)
    assert dict((rule, counts) for rule, *counts in history.counts())["gates"] == [5, 4]
    said = str(history)
    assert said.startswith("7 steps as lowered") and said.endswith("4 steps") and "views: nothing to do" in said
    # Two layers changed in one way: they are shown once.
    at = said.index("    2 x - b [B, 4, 6] = linear a, ")
    assert "- c [B, 4, 6] = pointwise [b], program={v0 = gelu(x0)}" in said[at : at + 300]
    assert "activation=gelu" in said[at : at + 300]


def test_rewrites_are_chosen_by_name():
    every = [name(rule) for rule in choose()]
    assert {name(rule) for rule in RULES} >= set(every) and "gates" in every
    assert {name(rule) for rule in choose(["none", "views"])} == {"views"}
    assert "gates" not in [name(rule) for rule in choose(["-gates"])] and "views" in map(name, choose(["-gates"]))
    assert choose("none") == []
    with pytest.raises(ExportError, match="there is no rewrite 'gate'; there are: "):
        choose(["gate"])
