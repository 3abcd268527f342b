"""Whole models as they are deployed: a bundle of the exporter, run, beside PyTorch, ONNX Runtime and OpenVINO with the
same weights (random ones) and inputs."""

import atexit
import functools
import tempfile
import warnings

import torch
from torch.nn import functional as F

import strata

from .. import model_peers as peers
from ..case import Case
from ..served import Served

UNIT = "GFLOP/s"
# Tokens of 32 paragraphs of docs/server.md, quickstart.md, export.md and runtime.md by MiniLM's tokenizer: real texts.
_TEXTS = (48, 107, 18, 69, 89, 55, 60, 55, 36, 33, 81, 27, 73, 33, 19, 21,
          44, 19, 69, 18, 60, 133, 59, 57, 59, 158, 94, 148, 144, 86, 159, 108)  # fmt: skip
# MiniLM's batch and length.
_SIZES = ((1, 16), (1, 128), (8, 128), (32, 128), (32, 256))


@functools.cache
def _folder():
    made = tempfile.TemporaryDirectory(prefix="strata-bench-")
    atexit.register(made.cleanup)
    return made.name


def _quiet(make):
    """What `make` gives, without the warnings of libraries of models."""
    with warnings.catch_warnings(), peers.silent():
        warnings.simplefilter("ignore")
        return make()


def _bundle(name, model, inputs, dims, **options):
    """The path of the model's bundle; dims: {input: {dim: letter}}."""
    letters = {"B": torch.export.Dim("B", min=1, max=64), "S": torch.export.Dim("S", min=1, max=512)}
    shapes = {n: {d: letters[letter] for d, letter in dims.get(n, {}).items()} for n in inputs}
    path = f"{_folder()}/{name}"
    _quiet(lambda: strata.export(model, inputs, path=path, name=name, dynamic_shapes=shapes, **options))
    return path


def _ours(path, inputs, options):
    """The runtime's call. Where the exporter removed the padding, it takes the tokens end to end."""
    model = Served(path, options.threads)
    if "cu_seqlens" in model.inputs:
        seen = inputs["attention_mask"].bool()
        ends = F.pad(seen.sum(1).cumsum(0), (1, 0))
        inputs = {"input_ids": inputs["input_ids"][seen].contiguous(), "cu_seqlens": ends}
    return model.bind(inputs)


def _agree(allowed, mask=None):
    """Checks by the length of the difference as a part of the whole output's: sides round each in its own way. With a
    mask [B, S], tokens that it covers alone."""

    def compare(ours, theirs, side):
        got = ours.tensor()
        want = theirs if isinstance(theirs, torch.Tensor) else theirs.tensor()
        if mask is not None:
            got, want = (t[mask.bool()] if t.dim() == 3 else t for t in (got, want))
        got, want = got.double().flatten(), want.double().flatten()
        if got.numel() != want.numel():
            return f"{got.numel()} numbers, the peer has {want.numel()}"
        found = float((got - want).norm() / want.norm().clamp(min=1e-30))
        return "" if found <= allowed else f"relative difference {found:.2g}, allowed {allowed:.2g}"

    return compare


# --- MiniLM ---


def _bert(options):
    import transformers as hf

    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
    full = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    sizes = small | {"vocab_size": 500} if options.tiny else full
    torch.manual_seed(0)
    return hf.BertModel(hf.BertConfig(**sizes), add_pooling_layer=False).eval()


class _States(torch.nn.Module):
    """The last layer's states alone, as an unmodified transformers model gives them."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def _tokens(lengths, vocabulary=500):
    """Texts of these lengths, padded to the longest."""
    lengths = torch.tensor(lengths)
    ids = torch.randint(1, vocabulary, (len(lengths), int(lengths.max())), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    return {"input_ids": ids * mask, "attention_mask": mask}


@functools.cache
def _minilm(kind, tiny_options):
    """(float32 model, the one that PyTorch runs, bundle) of a kind: float32, bfloat16 or int8."""
    model = _bert(tiny_options)
    plain = _States(model)
    run = _States(_bert(tiny_options)).to(torch.bfloat16) if kind == "bfloat16" else plain
    example = _tokens((8, 5))
    more = {"quantize": "int8"} if kind == "int8" else {}
    path = _bundle(f"minilm-{kind}", run, example, {n: {0: "B", 1: "S"} for n in example}, **more)
    return plain, run, path


def _flops(config, lengths):
    """Of the products: four projections, two of the feed-forward network, scores and sums; lengths [B]."""
    width, inner = config.hidden_size, config.intermediate_size
    tokens = lengths * (2 * (4 * width * width + 2 * width * inner) + 4 * lengths * width)
    return float(config.num_hidden_layers * tokens.sum())


def _minilm_case(name, kind, inputs, options):
    plain, run, path = _minilm(kind, options)
    int8 = kind == "int8"
    sides = peers.openvino(plain, inputs, options, "bf16" if kind == "bfloat16" else "f32", int8)
    if kind != "bfloat16":
        sides |= peers.onnxruntime_bert(plain.model, inputs, options, int8)
    if not int8:
        sides |= peers.eager(run, inputs) | peers.compiled(run, inputs, options)
    return Case(
        name,
        _ours(path, inputs, options),
        sides or peers.eager(run, inputs),
        work=_flops(plain.model.config, inputs["attention_mask"].sum(1)),
        roof={"float32": "fma_f32", "bfloat16": "bf16", "int8": "int8"}[kind],
        dtype=kind,
        compare=_agree({"float32": 1e-4, "bfloat16": 0.03, "int8": 0.3}[kind], inputs["attention_mask"]),
    )


# --- pictures and sound ---


def _resnet(tiny):
    import transformers as hf

    small = {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 1]} if tiny else {}
    return hf.ResNetModel(hf.ResNetConfig(**small))


def _vit(tiny):
    import transformers as hf

    sizes = (32, 2, 2, 64, 32, 8) if tiny else (384, 12, 6, 1536, 224, 16)
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "image_size", "patch_size")
    return hf.ViTModel(hf.ViTConfig(**dict(zip(names, sizes))), add_pooling_layer=False)


def _mobilenet(tiny):
    import transformers as hf

    return hf.MobileNetV2Model(hf.MobileNetV2Config(depth_multiplier=0.25 if tiny else 1.0))


def _whisper(tiny):
    import transformers as hf

    small = {"d_model": 32, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 64}
    full = {"d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536}
    config = hf.WhisperConfig(**(small | {"max_source_positions": 20} if tiny else full))
    return hf.models.whisper.modeling_whisper.WhisperEncoder(config)


class _One(torch.nn.Module):
    """A transformers model of one input; its first output."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)[0]


# name -> (model of `tiny`, size of one input without the batch, of `tiny`)
_PICTURES = {
    "ResNet-50": (_resnet, lambda tiny: (3, 64, 64) if tiny else (3, 224, 224)),
    "MobileNetV2": (_mobilenet, lambda tiny: (3, 64, 64) if tiny else (3, 224, 224)),
    "ViT-S": (_vit, lambda tiny: (3, 32, 32) if tiny else (3, 224, 224)),
    "Whisper-tiny encoder": (_whisper, lambda tiny: (80, 40) if tiny else (80, 3000)),
}


def _lively(model):
    """The model with weights that keep the size of what goes through them: by the default ones of some, all dies out
    on the way, and every side would give zeros."""
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return model.eval()


@functools.cache
def _exported(name, options):
    make, size = _PICTURES[name]
    torch.manual_seed(0)
    model = _lively(_One(make(options.tiny)))
    example = {"x": torch.randn(2, *size(options.tiny))}
    return model, _bundle(name.replace(" ", "-"), model, example, {"x": {0: "B"}})


def _picture_case(name, batch, options):
    model, path = _exported(name, options)
    x = torch.randn(batch, *_PICTURES[name][1](options.tiny), generator=torch.Generator().manual_seed(1))
    inputs = {"x": x}
    sides = peers.eager(model, inputs) | peers.compiled(model, inputs, options)
    sides |= peers.openvino(model, inputs, options) | peers.onnxruntime(model, inputs, options)
    return Case(f"{name}, {batch}", _ours(path, inputs, options), sides, compare=_agree(1e-4))


def cases(options):
    sizes = ((1, 8),) if options.tiny else (_SIZES[0], _SIZES[2]) if options.quick else _SIZES
    # Exporting and converting take longer than timing: a quick run has few models.
    quick = options.quick and not options.tiny
    for kind in ("float32",) if quick else ("float32", "bfloat16", "int8"):
        for batch, length in sizes:
            name, lengths = f"MiniLM {batch} x {length}, {kind}", [length] * batch
            yield name, lambda n=name, k=kind, s=lengths: _minilm_case(n, k, _tokens(s), options)
        if not quick:
            name = f"MiniLM, 32 texts, {kind}"
            yield name, lambda n=name, k=kind: _minilm_case(n, k, _tokens(_TEXTS), options)
    for name in ("MobileNetV2",) if quick else _PICTURES:
        for batch in (1,) if options.quick or options.tiny else (1, 8):
            yield f"{name}, {batch}", lambda n=name, b=batch: _picture_case(n, b, options)
