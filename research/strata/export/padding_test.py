"""Padding removed: the plan over tokens end to end gives every token and sequence the bits of the dense plan; where a
step mixes padding in, the plan is left alone."""

import json

import pytest
import torch
import transformers as hf
from torch import nn
from torch.export import Dim

import strata
from strata.export import ExportError, _lower
from strata.export._plan import Constants
from strata.export._tokens import Refused
from strata.runtime import Plan

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 96}
LONGEST = 300


class Text(nn.Module):
    """A model of transformers and what is made of its token states [B, S, D]."""

    def __init__(self, model, after=lambda x, mask: x):
        super().__init__()
        self.model, self.after = model, after

    def forward(self, input_ids, attention_mask):
        states = self.model(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
        return self.after(states.get("logits", states.get("last_hidden_state")), attention_mask)


def mean(x, mask):
    """As sentence-transformers pools."""
    wide = mask.unsqueeze(-1).expand(x.size()).float()
    pooled = torch.sum(x * wide, 1) / torch.clamp(wide.sum(1), min=1e-9)
    return nn.functional.normalize(pooled, p=2, dim=1)


def short_mean(x, mask):
    return (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def bert(**more):
    return hf.BertModel(hf.BertConfig(**SMALL, max_position_embeddings=LONGEST, **more))


def llama(**more):
    return hf.LlamaForCausalLM(hf.LlamaConfig(**SMALL, num_key_value_heads=2, use_cache=False, **more))


MODELS = {
    "bert, tokens": lambda: Text(bert()),
    "bert, mean": lambda: Text(bert(), mean),
    "bert, short mean": lambda: Text(bert(), short_mean),
    "bert, first token": lambda: Text(bert(), lambda x, mask: nn.functional.normalize(x[:, 0], dim=1)),
    "bert, classes": lambda: Text(hf.BertForSequenceClassification(hf.BertConfig(**SMALL))),
    "llama": lambda: Text(llama()),
    "mistral, window": lambda: Text(hf.MistralForCausalLM(hf.MistralConfig(**SMALL, num_key_value_heads=2,
                                                                           sliding_window=4, use_cache=False))),
    "modernbert, windows": lambda: Text(hf.ModernBertModel(hf.ModernBertConfig(**SMALL, pad_token_id=0))),
    "opt, counted mask": lambda: Text(hf.OPTModel(hf.OPTConfig(
        vocab_size=96, hidden_size=32, num_hidden_layers=2, ffn_dim=64, num_attention_heads=4,
        max_position_embeddings=LONGEST, word_embed_proj_dim=32, use_cache=False))),
}  # fmt: skip


def request(lengths, seed=0, longest=None):
    longest = longest or max(lengths)
    ids = torch.randint(1, 96, (len(lengths), longest), generator=torch.Generator().manual_seed(seed))
    return {"input_ids": ids, "attention_mask": (torch.arange(longest) < torch.tensor(lengths)[:, None]).long()}


def shapes():
    b, s = Dim("B", max=64), Dim("S", max=LONGEST)
    return {n: {0: b, 1: s} for n in ("input_ids", "attention_mask")}


def both(model, without_mask=False):
    """(the dense plan, the plan without padding, its Ragged)."""
    lowering = _lower.Lowering(_lower.trace(model.eval(), (), request([7, 4, 2]), shapes()), shapes())
    dense, less = Constants(), Constants()
    plan = Plan(lowering.run(None, dense), dense.tensors)
    entry, ragged = lowering.without_padding(less, without_mask)
    return plan, Plan(entry, less.tensors), ragged


@pytest.mark.parametrize("name", MODELS)
def test_tokens_and_sequences_get_the_bits_of_the_dense_plan(name):
    torch.manual_seed(0)
    dense, plan, ragged = both(MODELS[name]())
    assert [spec["name"] for spec in plan.entry["inputs"]] == ["input_ids", "cu_seqlens"]
    assert set(plan.entry["dims"]) == {"B", "N"}
    steps = [step for step in plan.entry["steps"] if step.get("op") == "attention"]
    assert len(steps) == 2 and all(step["inputs"][3:] == ["cu_seqlens", "cu_seqlens", None] for step in steps)
    for lengths, longest in (([7, 4, 2], None), ([1], None), ([5, 5], None), ([3, 1], 9), ([150, 3, 290], None)):
        given = request(lengths, len(lengths), longest)
        want, got = dense(**given), plan(**ragged.inputs(given))
        for at in want:
            assert torch.equal(got[at], ragged.tokens(at, want[at], given))
            assert len(got[at]) == (len(lengths) if got[at].shape[0] == len(lengths) else sum(lengths))


class Toy(nn.Module):
    """One layer of attention under a mask that a function makes, and what another makes of the states."""

    def __init__(self, after=lambda x, mask: x, seen=None, before=lambda x, mask: x):
        super().__init__()
        torch.manual_seed(0)
        self.words, self.places = nn.Embedding(96, 16), nn.Parameter(torch.randn(LONGEST, 16))
        self.after, self.before = after, before
        self.seen = seen or (lambda mask: mask.bool()[:, None, None, :])

    def forward(self, input_ids, attention_mask):
        x = self.words(input_ids) + self.places[: input_ids.shape[1]]
        x = self.before(x, attention_mask)
        heads = x.view(*x.shape[:2], 2, 8).transpose(1, 2)
        y = nn.functional.scaled_dot_product_attention(heads, heads, heads, attn_mask=self.seen(attention_mask))
        return self.after(x + y.transpose(1, 2).flatten(2), attention_mask)


def causal(mask):
    at = torch.arange(mask.shape[1])
    return at <= at[:, None]


def sloped(mask):
    at = torch.arange(mask.shape[1])
    return torch.where(mask.bool()[:, None, None, :], (at - at[:, None]) * 0.1, -torch.inf)


def causal_and_mask(mask):
    return causal(mask)[None, None] & mask.bool()[:, None, None, :]


TABLE = torch.randn(LONGEST + 2, 16)
REFUSED = {
    "a mean of padding, too": (Toy(lambda x, mask: x.mean(1)), "a mean over the length"),
    "a sum of padding, too": (Toy(lambda x, mask: (x * (mask[..., None] + 1)).sum(1)), "a sum over the length"),
    "the largest of padding, too": (Toy(lambda x, mask: x.amax(1)), "over the length in another order"),
    "the last token": (Toy(lambda x, mask: x[:, -1]), "a token is picked"),
    "the second token": (Toy(lambda x, mask: x[:, 1]), "not the first of its sequence"),
    "the token before": (Toy(lambda x, mask: x + x.roll(1, 1)), "a slice from|mixes the length"),
    "the first token for all": (Toy(lambda x, mask: x - x[:, :1]), "spread over its tokens"),
    "the batch's mean": (Toy(lambda x, mask: x - x.mean(0)), "tokens|across"),
    "tokens compared": (Toy(lambda x, mask: x @ x.transpose(1, 2)), "for every two tokens|across tokens"),
    "the length as a number": (Toy(lambda x, mask: x * torch.arange(x.shape[1] + 1)[-1]), "the length"),
    "a bias that is more than the mask": (Toy(seen=sloped), "no input is a mask"),
    "a sum over another axis's order": (Toy(lambda x, mask: x.transpose(1, 2).contiguous().sum(2)), "in another order"),
    "a running sum of states": (Toy(lambda x, mask: x.transpose(1, 2).cumsum(2)), "a running sum"),
    "a table that begins elsewhere": (Toy(before=lambda x, mask: x + TABLE[2 : x.shape[1] + 2]), "begin at 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_mixes_padding_or_tokens_is_left_alone(name):
    model, reason = REFUSED[name]
    with pytest.raises(Refused, match=reason):
        both(model)


def test_attention_that_sees_padding_is_left_alone():
    """One layer under the mask, one without it."""
    model = Toy(lambda x, mask: nn.functional.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None])[:, 0])
    with pytest.raises(Refused, match="sees padding"):
        both(model)


def test_causal_attention_needs_no_mask_beside_one_that_has_it():
    def twice(x, mask):
        return nn.functional.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None], is_causal=True)[:, 0]

    dense, plan, ragged = both(Toy(twice, causal_and_mask))
    given = request([7, 4, 2])
    assert torch.equal(plan(**ragged.inputs(given))["output"], ragged.tokens("output", dense(**given)["output"], given))


def test_without_a_mask_it_is_done_when_asked_for():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.toy = Toy(lambda x, mask: x.mean(1), lambda mask: None)

        def forward(self, input_ids):
            return self.toy(input_ids, torch.ones_like(input_ids))

    model, given = Plain().eval(), {"input_ids": request([7, 7])["input_ids"]}
    dims = {"input_ids": shapes()["input_ids"]}
    lowering = _lower.Lowering(_lower.trace(model, (), given, dims), dims)
    dense = Constants()
    plan = Plan(lowering.run(None, dense), dense.tensors)
    with pytest.raises(Refused, match="no input is a mask"):
        lowering.without_padding(Constants(), False)
    less = Constants()
    entry, ragged = lowering.without_padding(less, True)
    flat = Plan(entry, less.tensors)
    assert torch.equal(flat(**ragged.inputs(given))["output"], plan(**given)["output"])
    a, b = torch.tensor([3, 1, 4, 1, 5]), torch.tensor([9, 2])
    mixed = flat(input_ids=torch.cat([a, b]), cu_seqlens=torch.tensor([0, 5, 7]))["output"]
    alone = [plan(input_ids=ids[None])["output"][0] for ids in (a, b)]
    assert torch.equal(mixed, torch.stack(alone))


def export(model, path, **options):
    return strata.export(model, request([7, 4, 2]), path=path, name="m", dynamic_shapes=shapes(), **options)


def test_a_bundle_says_that_padding_is_gone(tmp_path):
    report = export(Toy(short_mean), tmp_path / "b", output_names=["embedding"])
    assert report.padding["forward"].startswith("removed") and "input_ids, cu_seqlens" in str(report)
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    assert manifest["entry_points"]["forward"] == {
        "batch_dim": "B", "ragged_dim": "N",
        "layouts": {"input_ids": "ragged", "cu_seqlens": "offsets", "embedding": "stacked"}}  # fmt: skip
    assert manifest["provenance"]["padding"]["forward"].startswith("removed")
    served = strata.runtime.load(tmp_path / "b")
    given, model = request([7, 4, 2]), Toy(short_mean).eval()
    there = given["attention_mask"].bool()
    got = served(input_ids=given["input_ids"][there], cu_seqlens=torch.tensor([0, 7, 11, 13]))["embedding"]
    assert torch.allclose(got, model(**given), atol=1e-5)


def test_padding_is_kept_where_it_is_wanted_or_must_be(tmp_path):
    report = export(Toy(), tmp_path / "a", padding="keep")
    assert report.padding == {"forward": "kept"}
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert "padding" not in manifest["provenance"] and "ragged_dim" not in manifest["entry_points"]["forward"]
    mixing = Toy(lambda x, mask: x.mean(1))
    report = export(mixing, tmp_path / "c")
    assert "a mean over the length that padding is a part of" in report.padding["forward"]
    manifest = json.loads((tmp_path / "c" / "manifest.json").read_text())
    assert "the mask says" in manifest["provenance"]["padding"]["forward"]
    with pytest.raises(ExportError, match="padding cannot be removed: a mean over the length"):
        export(mixing, tmp_path / "d", padding="remove")
    with pytest.raises(ExportError, match="padding is 'no', wanted one of auto, remove, keep"):
        export(mixing, tmp_path / "d", padding="no")


def test_an_example_that_is_padded_in_front_is_no_reason_against_it(tmp_path):
    """Its tokens are taken out all the same; only the comparison is left to other examples."""
    given = request([7, 4, 2])
    given["attention_mask"] = given["attention_mask"].flip(1)
    report = strata.export(Toy(), given, path=tmp_path / "b", name="m", dynamic_shapes=shapes())
    assert report.padding["forward"].startswith("removed")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-q"]))
