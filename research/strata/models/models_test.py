"""The real MiniLM against sentence-transformers, and the digit classifier trained from scratch."""

import inspect
import json
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest  # noqa: E402
import torch  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

import strata  # noqa: E402
from strata.models import bert, digits  # noqa: E402


def sentences():
    """About 50 real ones: the first paragraphs of docstrings of the standard library, from a word to a page."""
    found = []
    for module in (json, os, inspect, os.path):
        for value in vars(module).values():
            doc = inspect.getdoc(value) if callable(value) else None
            if doc:
                found.append(" ".join(doc.split()))
    found = sorted(set(found), key=len)
    return ["Strata", "", *found[:: max(1, len(found) // 48)]]


@pytest.fixture(scope="module")
def encoder():
    return bert.load_minilm()


@pytest.fixture(scope="module")
def tokenizer():
    made = Tokenizer.from_file(str(bert.minilm_folder() / "tokenizer.json"))
    made.enable_truncation(256)
    made.no_padding()
    return made


def embed(encoder, tokenizer, texts):
    """One ragged batch."""
    ids = [encoded.ids for encoded in tokenizer.encode_batch(texts)]
    ends = torch.tensor([0, *map(len, ids)]).cumsum(0)
    with torch.no_grad():
        return encoder(torch.tensor(sum(ids, [])), ends)


def test_minilm_agrees_with_sentence_transformers_on_every_sentence(encoder, tokenizer):
    from sentence_transformers import SentenceTransformer

    texts = sentences()
    assert len(texts) >= 48
    # Two batches of mixed length.
    got = torch.cat([embed(encoder, tokenizer, texts[0::2]), embed(encoder, tokenizer, texts[1::2])])
    order = texts[0::2] + texts[1::2]
    peer = SentenceTransformer(str(bert.minilm_folder()), device="cpu")
    peer.max_seq_length = 256
    want = peer.encode(order, normalize_embeddings=True, convert_to_tensor=True)
    cosine = torch.nn.functional.cosine_similarity(got.double(), want.double())
    assert float(cosine.min()) >= 0.99999, f"{float(cosine.min())} for {order[int(cosine.argmin())]!r}"
    assert float((got - want).abs().max()) < 1e-5


def test_a_sentence_has_the_same_bits_alone_and_in_any_batch(encoder, tokenizer):
    texts = sentences()[::6]
    together = embed(encoder, tokenizer, texts)
    turned = embed(encoder, tokenizer, texts[::-1])
    assert torch.equal(together, turned.flip(0))
    assert all(torch.equal(embed(encoder, tokenizer, [text])[0], row) for text, row in zip(texts, together))


def test_a_bert_with_missing_or_misshapen_weights_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = bert.minilm_folder()
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.3.output.dense.bias"]
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match="bert.layers.3.down.bias"):
        bert.load_sentence_encoder(tmp_path)
    config = json.loads((folder / "config.json").read_text()) | {"hidden_act": "relu"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="hidden_act is 'relu'"):
        bert.load_sentence_encoder(tmp_path)


def test_a_bert_trains():
    torch.manual_seed(0)
    config = bert.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    model = bert.SentenceEncoder(config)
    ids, ends = torch.randint(50, (12,)), torch.tensor([0, 5, 5, 12])
    model(ids, ends).square().sum().backward()
    unused = {name for name, p in model.named_parameters() if p.grad is None}
    assert unused == set()


@pytest.fixture(scope="module")
def data():
    return digits.load_data()


@pytest.fixture(scope="module")
def trained(data):
    return digits.train(data, show=False)


def weights_of(model):
    return list(model.state_dict().values())


def test_digits_reach_97_percent(data, trained):
    model, history = trained
    assert strata.train.accuracy(model, *data.test) >= 0.97
    assert len(history.losses) == 30 and history.losses[-1] < 0.05 * history.losses[0]
    assert history.seconds > 0


def test_training_follows_the_same_curve_as_pytorchs_own_modules(data):
    _, ours = digits.train(data, epochs=2, show=False)
    _, plain = digits.train(data, parts=digits.Plain, epochs=2, show=False)
    assert ours.losses == pytest.approx(plain.losses, rel=1e-3)


def test_the_same_seed_gives_the_same_bits_on_one_thread_and_two(data):
    before, made = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            model, history = digits.train(data, epochs=2, show=False)
            made.append((weights_of(model), history.losses))
    finally:
        torch.set_num_threads(before)
    for weights, losses in made[1:]:
        assert losses == made[0][1]
        assert all(torch.equal(a, b) for a, b in zip(weights, made[0][0], strict=True))


def test_another_seed_gives_other_weights(data):
    one, two = (digits.train(data, seed=seed, epochs=1, show=False)[0] for seed in (0, 1))
    assert not torch.equal(one.stem.weight, two.stem.weight)


def test_data_is_real_scans_split_once(data):
    pixels = torch.cat([data.train[0], data.test[0]])
    assert pixels.shape == (1797, 64) and len(data.test[1]) == 450
    assert float(pixels.min()) == 0 and float(pixels.max()) == 1
    assert torch.equal(digits.load_data().test[0], data.test[0])


def test_plot_draws_every_curve_from_its_first_loss_to_its_last():
    text = strata.train.plot({"strata": [2.0, 1.0, 0.5, 0.01], "torch": [2.0, 1.5, 1.0, 0.5]}, width=8)
    one, two = text.splitlines()
    assert one.startswith("strata  2.0000 █") and one.endswith("▁ 0.0100")
    assert two.startswith("torch   2.0000 █") and two.endswith("0.5000") and "▁" not in two
    assert strata.train.plot({"flat": [1.0]}) == "flat  1.0000 ▁ 1.0000"
