"""Modules against torch.nn's: state dicts load both ways, and the outputs and gradients are the same."""

import pytest
import torch

from strata import nn, ops
from strata.nn import functional

torch.manual_seed(0)
PAIRS = {
    "linear": (lambda: nn.Linear(8, 5), lambda: torch.nn.Linear(8, 5), (3, 8)),
    "linear without bias": (lambda: nn.Linear(8, 5, bias=False), lambda: torch.nn.Linear(8, 5, bias=False), (2, 3, 8)),
    "layer_norm": (lambda: nn.LayerNorm(16), lambda: torch.nn.LayerNorm(16), (3, 16)),
    "rms_norm": (lambda: nn.RmsNorm(16), lambda: torch.nn.RMSNorm(16, eps=1e-6), (3, 16)),
    "group_norm": (lambda: nn.GroupNorm(4, 16), lambda: torch.nn.GroupNorm(4, 16), (3, 16, 5, 7)),
    "group_norm of vectors": (lambda: nn.GroupNorm(2, 16), lambda: torch.nn.GroupNorm(2, 16), (3, 16)),
    "gelu": (lambda: nn.Gelu(), lambda: torch.nn.GELU(), (3, 16)),
    "gelu tanh": (lambda: nn.Gelu("tanh"), lambda: torch.nn.GELU("tanh"), (3, 16)),
    "log_softmax": (lambda: nn.LogSoftmax(), lambda: torch.nn.LogSoftmax(-1), (3, 16)),
    "softmax": (lambda: nn.Softmax(), lambda: torch.nn.Softmax(-1), (3, 16)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_state_dicts_load_both_ways_and_outputs_agree(name):
    ours, theirs, shape = PAIRS[name][0](), PAIRS[name][1](), PAIRS[name][2]
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_()
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(shape, requires_grad=True)
    got, want = ours(x), theirs(x)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)
    grad = torch.randn_like(want)
    for g, w in zip(
        torch.autograd.grad(got, [x, *ours.parameters()], grad),
        torch.autograd.grad(want, [x, *theirs.parameters()], grad),
        strict=True,
    ):
        torch.testing.assert_close(g, w, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["linear", "layer_norm", "rms_norm"])
def test_initial_values_are_torchs(name):
    torch.manual_seed(7)
    ours = PAIRS[name][0]().state_dict()
    torch.manual_seed(7)
    theirs = PAIRS[name][1]().state_dict()
    assert list(ours) == list(theirs) and all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_an_embedding_and_its_gradient():
    ours, theirs = nn.Embedding(9, 4), torch.nn.Embedding(9, 4)
    ours.load_state_dict(theirs.state_dict())
    ids = torch.tensor([[1, 8], [1, 0]])
    ours(ids).sum().backward()
    theirs(ids).sum().backward()
    assert torch.equal(ours(ids), theirs(ids)) and torch.equal(ours.weight.grad, theirs.weight.grad)


@pytest.mark.parametrize("activation,function", [
    ("gelu", torch.nn.functional.gelu), ("relu", torch.relu), ("silu", torch.nn.functional.silu),
])
def test_a_linear_layers_activation(activation, function):
    layer = nn.Linear(8, 5, activation=activation)
    x = torch.randn(3, 8)
    torch.testing.assert_close(
        layer(x), function(torch.nn.functional.linear(x, layer.weight, layer.bias)), rtol=1e-5, atol=1e-6
    )
    assert f"activation={activation}" in repr(layer)


def test_attention_is_that_of_torch_within_each_run():
    ours, theirs = nn.Attention(12, 3), torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_bias.normal_()
        for part, weight, bias in zip(
            (ours.query, ours.key, ours.value), theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3)
        ):
            part.weight.copy_(weight)
            part.bias.copy_(bias)
    ours.output.load_state_dict(theirs.out_proj.state_dict())
    x = torch.randn(7, 12)
    got = ours(x, torch.tensor([0, 2, 2, 7]))
    for start, end in ((0, 2), (2, 7)):
        run = x[None, start:end]
        torch.testing.assert_close(got[start:end], theirs(run, run, run)[0][0], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="width 12 is no multiple of heads 5"):
        nn.Attention(12, 5)


def test_causal_attention_does_not_see_what_comes_later():
    layer, ends = nn.Attention(8, 2, causal=True), torch.tensor([0, 5])
    x = torch.randn(5, 8)
    changed = x.clone()
    changed[3:] += 1
    assert torch.equal(layer(x, ends)[:3], layer(changed, ends)[:3])


def test_pooling_and_normalising():
    x, ends = torch.randn(6, 4), torch.tensor([0, 2, 6])
    means = torch.stack([x[:2].mean(0), x[2:].mean(0)])
    torch.testing.assert_close(nn.SegmentPool()(x, ends), means)
    torch.testing.assert_close(nn.SegmentPool("max")(x, ends), torch.stack([x[:2].amax(0), x[2:].amax(0)]))
    torch.testing.assert_close(nn.L2Normalize()(x).norm(dim=-1), torch.ones(6))
    assert torch.equal(nn.Add()(x, x), x + x)


def test_cross_entropy_and_its_gradient():
    logits, target = torch.randn(6, 5, requires_grad=True), torch.tensor([0, 4, 2, 2, 1, 3])
    (got,) = torch.autograd.grad(nn.CrossEntropyLoss()(logits, target), logits)
    (want,) = torch.autograd.grad(torch.nn.CrossEntropyLoss()(logits, target), logits)
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("pairs", ["half", "interleaved"])
def test_rotary_scores_depend_on_the_distance_alone(pairs):
    rotary = nn.Rotary(12, 64, pairs=pairs).double()
    q, k = torch.randn(2, 1, 3, 16, dtype=torch.float64)
    at = lambda position: torch.tensor([position])  # noqa: E731
    score = lambda m, n: (rotary(q, at(m)) * rotary(k, at(n))).sum(-1)  # noqa: E731
    torch.testing.assert_close(score(20, 13), score(57, 50), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(score(20, 13), score(20, 14))
    assert torch.equal(rotary(q, at(0)), q)


def _gated_parts(activation, x, gate, up):
    """The unfused steps, in operators that round as they do."""
    gated = getattr(functional, activation)(ops.linear(x, gate))
    return gated * ops.linear(x, up)


@pytest.mark.parametrize("activation", ["silu", "gelu"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_a_gated_layer_has_the_bits_of_its_steps(activation, dtype):
    x, weight = torch.randn(3, 5, 40, dtype=dtype), torch.randn(2 * 70, 40, dtype=dtype) / 4
    leaves = [x.requires_grad_(), weight.requires_grad_()]
    y = functional.gated_linear(x, *weight.chunk(2), activation=activation)
    assert torch.equal(y, _gated_parts(activation, x, *weight.chunk(2)))
    got = torch.autograd.grad(y.double().square().sum(), leaves)
    wide = [t.detach().double().requires_grad_() for t in leaves]
    gate, up = (torch.nn.functional.linear(wide[0], w) for w in wide[1].chunk(2))
    act = torch.nn.functional.silu if activation == "silu" else torch.nn.functional.gelu
    want = torch.autograd.grad((act(gate) * up).square().sum(), wide)
    near = {torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float64: 1e-11}[dtype]
    for g, w in zip(got, want, strict=True):
        assert (g.double() - w).abs().max() <= near * w.abs().max()


def test_a_gated_module_is_its_function():
    layer, x = nn.GatedLinear(24, 40, activation="gelu_tanh"), torch.randn(6, 24)
    want = functional.gated_linear(x, layer.gate.weight, layer.up.weight, activation="gelu_tanh")
    assert torch.equal(layer(x), want) and list(layer.state_dict()) == ["gate.weight", "up.weight"]


@pytest.mark.parametrize("activation", ["none", "gelu", "relu", "silu"])
def test_a_residual_rides_along_with_a_layer(activation):
    layer = nn.Linear(24, 40, activation=activation)
    x, residual = torch.randn(6, 24, requires_grad=True), torch.randn(6, 40, requires_grad=True)
    fused, apart = layer(x, residual), ops.add(layer(x), residual)
    assert torch.equal(fused, apart)
    leaves, grad = (x, residual, layer.weight, layer.bias), torch.randn(6, 40)
    got, want = (torch.autograd.grad(y, leaves, grad) for y in (fused, apart))
    assert all(torch.equal(g, w) for g, w in zip(got, want)) and torch.equal(got[1], grad)


def test_rotary_is_llamas():
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    rotary, q, positions = nn.Rotary(32, 100), torch.randn(2, 7, 3, 32), torch.arange(7).expand(2, 7)
    cos, sin = (torch.cat([t, t], dim=-1)[positions] for t in (rotary.cos, rotary.sin))
    want, _ = apply_rotary_pos_emb(q, q, cos, sin, unsqueeze_dim=2)
    torch.testing.assert_close(rotary(q, positions), want, rtol=1e-6, atol=1e-6)


def test_rotary_keeps_its_tables_when_the_model_becomes_bfloat16():
    rotary = nn.Rotary(8, 10)
    table = rotary.cos.clone()
    y = rotary.bfloat16()(torch.randn(3, 2, 8, dtype=torch.bfloat16), torch.arange(3))
    assert y.dtype == torch.bfloat16 and torch.equal(rotary.cos, table)
    assert rotary.double().cos.dtype == torch.float64


def test_cross_entropy_leaves_out_ignored_rows():
    logits, target = torch.randn(6, 5), torch.tensor([0, -100, 2, -100, 1, 3])
    for options in ({}, {"reduction": "sum"}, {"reduction": "none"}, {"label_smoothing": 0.2}):
        got, want = nn.CrossEntropyLoss(**options), torch.nn.CrossEntropyLoss(**options)
        torch.testing.assert_close(got(logits, target), want(logits, target))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_fused_loss_has_the_bits_of_its_parts(reduction, dtype):
    x, weight, bias = (torch.randn(*s, dtype=dtype).requires_grad_() for s in ((600, 70), (2500, 70), (2500,)))
    target = torch.randint(0, 2500, (600,))
    target[::7] = -100
    parts = nn.CrossEntropyLoss(reduction=reduction, label_smoothing=0.1)(ops.linear(x, weight, bias), target)
    want = torch.autograd.grad(parts, (x, weight, bias))
    fused = nn.LinearCrossEntropyLoss(reduction=reduction, label_smoothing=0.1)(x, weight, target, bias)
    got = torch.autograd.grad(fused, (x, weight, bias))
    assert torch.equal(fused, parts)
    assert all(torch.equal(g, w) for g, w in zip(got, want))
    with torch.no_grad():
        alone = nn.LinearCrossEntropyLoss(reduction=reduction, label_smoothing=0.1)(x, weight, target, bias)
    assert torch.equal(alone, parts)


def test_a_fused_loss_in_bfloat16_differs_in_the_order_of_a_weights_gradient_alone():
    x, weight = (torch.randn(*s).bfloat16().requires_grad_() for s in ((600, 70), (2500, 70)))
    target = torch.randint(0, 2500, (600,))
    parts = nn.CrossEntropyLoss()(ops.linear(x, weight), target)
    fused = nn.LinearCrossEntropyLoss()(x, weight, target)
    got, want = (torch.autograd.grad(loss, (x, weight)) for loss in (fused, parts))
    assert torch.equal(fused, parts) and torch.equal(got[0], want[0])
    torch.testing.assert_close(got[1], want[1], rtol=0.01, atol=1e-5)
