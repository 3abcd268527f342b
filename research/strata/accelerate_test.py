"""Unmodified transformers models on Strata's operators: what their own eager attention gives, and its gradients."""

import copy

import pytest
import torch
import transformers as hf

import strata
from strata import ops

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 96}
MODELS = {
    "bert": lambda: hf.BertModel(hf.BertConfig(**SMALL)),
    "llama, grouped": lambda: hf.LlamaModel(hf.LlamaConfig(**SMALL, num_key_value_heads=2)),
    "mistral, window": lambda: hf.MistralModel(hf.MistralConfig(**SMALL, num_key_value_heads=2, sliding_window=4)),
    "modernbert, window": lambda: hf.ModernBertModel(hf.ModernBertConfig(**SMALL, pad_token_id=0, local_attention=8)),
    "gemma, centred norm": lambda: hf.GemmaModel(hf.GemmaConfig(**SMALL, num_key_value_heads=1, head_dim=8)),
    "gemma2, soft cap": lambda: hf.Gemma2Model(hf.Gemma2Config(**SMALL, num_key_value_heads=2, head_dim=8)),
    "t5, position bias": lambda: hf.T5EncoderModel(hf.T5Config(vocab_size=96, d_model=32, d_kv=8, d_ff=64, num_layers=2,
                                                               num_heads=4)),
    "gpt2": lambda: hf.GPT2Model(hf.GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=64, vocab_size=96)),
}  # fmt: skip
LENGTH = 11


def padding(kind):
    """[3, LENGTH] of ones and zeros, or None."""
    mask = torch.ones(3, LENGTH, dtype=torch.long)
    if kind == "right":
        mask[1, 7:], mask[2, 2:] = 0, 0
    elif kind == "left":
        mask[1, :4], mask[2, :9] = 0, 0
    elif kind == "holes":
        mask[1, 3:5], mask[2, 6:] = 0, 0
    return None if kind == "none" else mask


def small(name, dtype):
    torch.manual_seed(0)
    model = MODELS[name]().eval().to(dtype)
    with torch.no_grad():  # weights of one and biases of zero hide mistakes
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def run(model, mask):
    """(outputs of the tokens that are there, gradients of their squares)."""
    ids = torch.randint(1, 96, (3, LENGTH), generator=torch.Generator().manual_seed(1))
    inputs = {"input_ids": ids} | ({} if mask is None else {"attention_mask": mask})
    model.zero_grad()
    y = model(**inputs, **({"use_cache": False} if hasattr(model.config, "use_cache") else {}))[0]
    y = y if mask is None else y[mask.bool()]
    y.square().mean().backward()
    return y.detach(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.fixture
def calls(monkeypatch):
    """How often each operator was called."""
    counted = {}

    def counting(name, real):
        def call(*args, **kwargs):
            counted[name] = counted.get(name, 0) + 1
            return real(*args, **kwargs)

        return call

    for name in ("attention", "rms_norm", "rotary"):
        monkeypatch.setattr(ops, name, counting(name, getattr(ops, name)))
    return counted


@pytest.mark.parametrize("kind", ["none", "full", "right", "left", "holes"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forward_and_gradients_are_those_of_eager_attention(name, dtype, kind, calls):
    mask, model = padding(kind), small(name, dtype)
    exact, capped = name in ("bert", "gpt2", "t5, position bias"), "cap" in name
    eager = copy.deepcopy(model)
    # In float64 most eager attentions take a softmax of float32, where a row that sees nothing is NaN.
    eager.set_attn_implementation("eager" if dtype == torch.float32 or exact or capped else "sdpa")
    want, want_grads = run(eager, mask)
    if capped and want.isnan().any():
        pytest.skip("transformers' eager attention gives NaN here")
    with strata.accelerated(model):
        got, grads = run(model, mask)
    assert ("attention" in calls) != capped
    # RMS norms and rotary embeddings of transformers round to float32 inside a float64 model: an ulp of that may tip.
    bound = 2e-5 if dtype == torch.float32 else 1e-12 if exact else 1e-6
    assert (got - want).abs().max() <= bound * want.abs().max()
    assert grads.keys() == want_grads.keys()
    for n, grad in grads.items():
        assert (grad - want_grads[n]).abs().max() <= 4 * bound * max(want_grads[n].abs().max(), 1e-2), n


@pytest.mark.parametrize("name, wanted", [("llama, grouped", {"attention": 2, "rms_norm": 5, "rotary": 4}),
                                          ("gemma, centred norm", {"attention": 2, "rms_norm": 5, "rotary": 4}),
                                          ("t5, position bias", {"attention": 2, "rms_norm": 5}),
                                          ("bert", {"attention": 2})])  # fmt: skip
def test_the_operators_run(name, wanted, calls):
    model = small(name, torch.float32)
    with strata.accelerated(model):
        calls.clear()
        run(model, padding("right"))
        assert calls == wanted


def test_padding_becomes_runs_and_no_bias(monkeypatch):
    seen = []
    real = ops.attention
    monkeypatch.setattr(ops, "attention", lambda *a, **k: seen.append((a, k)) or real(*a, **k))
    with strata.accelerated(small("mistral, window", torch.float32)) as model:
        run(model, padding("right"))
        args, named = seen[0]
        assert args[3] is args[4] and args[3].tolist() == [0, 11, 18, 22, 24, 33] and args[5] is None
        assert (named["causal"], named["window_left"], named["window_right"]) == (True, 3, -1)
        seen.clear()
        run(model, padding("holes"))
        assert seen[0][0][5].shape == (33, 1, 11)


def test_afterwards_the_model_is_as_it_was():
    model = small("llama, grouped", torch.float32)
    module = hf.models.llama.modeling_llama
    before, turn = run(model, padding("right"))[0], module.apply_rotary_pos_emb
    with strata.accelerated(model):
        assert model.config._attn_implementation == "strata" and module.apply_rotary_pos_emb is not turn
    assert model.config._attn_implementation == "sdpa" and module.apply_rotary_pos_emb is turn
    assert not any("forward" in m.__dict__ for m in model.modules())
    assert torch.equal(run(model, padding("right"))[0], before)


def test_also_where_the_block_ends_in_an_error():
    model = small("llama, grouped", torch.float32)
    with pytest.raises(ZeroDivisionError), strata.accelerated(model):
        raise ZeroDivisionError
    assert model.config._attn_implementation == "sdpa"


def test_a_model_trains_and_is_copied(calls):
    model = strata.accelerate(small("llama, grouped", torch.float32))
    assert model.config._attn_implementation == "strata"
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.norm.weight.mul_(2)
    assert not torch.equal(run(model, None)[0], run(other, None)[0])
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.1), []
    for _ in range(3):
        losses.append(run(model, padding("right"))[0].square().mean())
        optimizer.step()
    assert losses[2] < losses[1] < losses[0] and calls["attention"] > 0


def test_decoding_with_a_cache_is_the_same():
    model = small("llama, grouped", torch.float32)
    ids = torch.randint(1, 96, (2, 5), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        want = model(input_ids=ids).last_hidden_state
        strata.accelerate(model)
        first = model(input_ids=ids[:, :3], use_cache=True)
        rest = model(input_ids=ids[:, 3:], past_key_values=first.past_key_values)
    got = torch.cat([first.last_hidden_state, rest.last_hidden_state], 1)
    assert torch.allclose(got, want, atol=1e-5)


def test_dropout_runs_as_transformers_wrote_it(calls):
    model = strata.accelerate(small("bert", torch.float32)).train()
    run(model, padding("right"))
    assert "attention" not in calls


def test_a_norm_that_computes_something_else_stays():
    class OddRMSNorm(hf.models.llama.modeling_llama.LlamaRMSNorm):
        def forward(self, x):
            return super().forward(x) + 1e-3

    OddRMSNorm.__module__ = "transformers.models.odd"
    model = torch.nn.Sequential(OddRMSNorm(8), hf.models.llama.modeling_llama.LlamaRMSNorm(8))
    strata.accelerate(model)
    assert ["forward" in m.__dict__ for m in model] == [False, True]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-q"]))
