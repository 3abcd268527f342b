"""Models of the transformers library, small and with random weights: text, images, sound."""

import torch
import transformers as hf

from .cases import add, seeded

_SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


def _ids(rows=3, length=7, vocabulary=96):
    return torch.randint(1, vocabulary, (rows, length), generator=torch.Generator().manual_seed(1))


def _mask(rows=3, length=7):
    lengths = torch.tensor([length, length - 3, 2])[:rows]
    return (torch.arange(length) < lengths[:, None]).long()


class Text(torch.nn.Module):
    def __init__(self, model, **fixed):
        super().__init__()
        self.model, self.fixed = model, fixed

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, **self.fixed)[0]


class Vision(torch.nn.Module):
    def __init__(self, model, **fixed):
        super().__init__()
        self.model, self.fixed = model, fixed

    def forward(self, pixel_values):
        return self.model(pixel_values=pixel_values, **self.fixed)[0]


class Sound(torch.nn.Module):
    def __init__(self, model, name="input_values"):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, sound):
        return self.model(**{self.name: sound})[0]


def _text(name, config, model, fixed=None, small=None, **options):
    def build():
        made = seeded(lambda: model(config(vocab_size=96, **(_SMALL if small is None else small), **options)))
        inputs = {"input_ids": _ids(), "attention_mask": _mask()}
        return Text(made, **(fixed or {})), inputs, {n: {0: "B", 1: "S"} for n in inputs}

    add(name, "transformers", build)


def _decoder(name, config, model, **options):
    _text(name, config, model, {"use_cache": False}, **options)


def _vision(name, config, model, size=32, channels=3, **options):
    def build():
        made = seeded(lambda: model(config(**options)))
        pixels = torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(1))
        return Vision(made), {"pixel_values": pixels}, {"pixel_values": {0: "B"}}

    add(name, "transformers", build)


_text("bert", hf.BertConfig, hf.BertModel)
_text("roberta", hf.RobertaConfig, hf.RobertaModel)
_text("xlm_roberta", hf.XLMRobertaConfig, hf.XLMRobertaModel)
_text("camembert", hf.CamembertConfig, hf.CamembertModel)
_text("electra", hf.ElectraConfig, hf.ElectraModel, embedding_size=16)
_text("mpnet", hf.MPNetConfig, hf.MPNetModel)
_text("albert", hf.AlbertConfig, hf.AlbertModel, embedding_size=16)
_text("distilbert", hf.DistilBertConfig, hf.DistilBertModel, small={}, dim=32, n_layers=2, n_heads=4, hidden_dim=64)
_text("deberta_v2", hf.DebertaV2Config, hf.DebertaV2Model)
_text("modernbert", hf.ModernBertConfig, hf.ModernBertModel, pad_token_id=0)
_text("nystromformer", hf.NystromformerConfig, hf.NystromformerModel, segment_means_seq_len=7, num_landmarks=7)
_text("fnet_like_squeezebert", hf.SqueezeBertConfig, hf.SqueezeBertModel, embedding_size=32)
_text("bert_classifier", hf.BertConfig, hf.BertForSequenceClassification)
_text("roberta_token_classifier", hf.RobertaConfig, hf.RobertaForTokenClassification)
_text("bert_masked_lm", hf.BertConfig, hf.BertForMaskedLM)

_decoder("llama", hf.LlamaConfig, hf.LlamaForCausalLM, num_key_value_heads=2)
_decoder("mistral", hf.MistralConfig, hf.MistralForCausalLM, num_key_value_heads=2, sliding_window=4)
_decoder("qwen2", hf.Qwen2Config, hf.Qwen2ForCausalLM, num_key_value_heads=2)
_decoder("qwen3", hf.Qwen3Config, hf.Qwen3ForCausalLM, num_key_value_heads=2, head_dim=8)
_decoder("gemma", hf.GemmaConfig, hf.GemmaForCausalLM, num_key_value_heads=2, head_dim=8)
_decoder("gemma2", hf.Gemma2Config, hf.Gemma2ForCausalLM, num_key_value_heads=2, head_dim=8, sliding_window=4)
_decoder("phi", hf.PhiConfig, hf.PhiForCausalLM)
_decoder("phi3", hf.Phi3Config, hf.Phi3ForCausalLM, pad_token_id=0)
_decoder("olmo", hf.OlmoConfig, hf.OlmoForCausalLM)
_decoder("stablelm", hf.StableLmConfig, hf.StableLmForCausalLM, num_key_value_heads=4)
_decoder("starcoder2", hf.Starcoder2Config, hf.Starcoder2ForCausalLM, num_key_value_heads=2)
_decoder("gpt_neox", hf.GPTNeoXConfig, hf.GPTNeoXForCausalLM)
_decoder("gpt2", hf.GPT2Config, hf.GPT2LMHeadModel, small={}, n_embd=32, n_layer=2, n_head=4, n_positions=64)
_decoder(
    "opt",
    hf.OPTConfig,
    hf.OPTForCausalLM,
    small={},
    hidden_size=32,
    num_hidden_layers=2,
    ffn_dim=64,
    num_attention_heads=4,
    max_position_embeddings=64,
    word_embed_proj_dim=32,
)
_decoder(
    "gpt_neo",
    hf.GPTNeoConfig,
    hf.GPTNeoForCausalLM,
    small={},
    hidden_size=32,
    num_layers=2,
    num_heads=4,
    attention_types=[[["global", "local"], 1]],
    max_position_embeddings=64,
)
_decoder("bloom", hf.BloomConfig, hf.BloomForCausalLM, small={}, hidden_size=32, n_layer=2, n_head=4)
_decoder(
    "falcon",
    hf.FalconConfig,
    hf.FalconForCausalLM,
    small={},
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
)
_decoder(
    "codegen",
    hf.CodeGenConfig,
    hf.CodeGenForCausalLM,
    small={},
    n_embd=32,
    n_layer=2,
    n_head=4,
    rotary_dim=4,
    n_positions=64,
)
_text("t5_encoder", hf.T5Config, hf.T5EncoderModel, small={}, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
_text("clip_text", hf.CLIPTextConfig, hf.CLIPTextModel, max_position_embeddings=64)
_text("siglip_text", hf.SiglipTextConfig, hf.SiglipTextModel, max_position_embeddings=64)

_vision("vit", hf.ViTConfig, hf.ViTModel, image_size=32, patch_size=8, **_SMALL)
_vision("deit", hf.DeiTConfig, hf.DeiTModel, image_size=32, patch_size=8, **_SMALL)
_vision("beit", hf.BeitConfig, hf.BeitModel, image_size=32, patch_size=8, **_SMALL)
_vision(
    "dinov2",
    hf.Dinov2Config,
    hf.Dinov2Model,
    size=28,
    image_size=28,
    patch_size=7,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
)
_vision("clip_vision", hf.CLIPVisionConfig, hf.CLIPVisionModel, image_size=32, patch_size=8, **_SMALL)
_vision("siglip_vision", hf.SiglipVisionConfig, hf.SiglipVisionModel, image_size=32, patch_size=8, **_SMALL)
_vision(
    "swin",
    hf.SwinConfig,
    hf.SwinModel,
    image_size=32,
    patch_size=2,
    embed_dim=16,
    depths=[1, 2],
    num_heads=[2, 4],
    window_size=4,
)
_vision(
    "swinv2",
    hf.Swinv2Config,
    hf.Swinv2Model,
    image_size=32,
    patch_size=2,
    embed_dim=16,
    depths=[1, 2],
    num_heads=[2, 4],
    window_size=4,
)
_vision("convnext", hf.ConvNextConfig, hf.ConvNextModel, depths=[1, 1, 2, 1], hidden_sizes=[8, 16, 32, 32])
_vision("convnextv2", hf.ConvNextV2Config, hf.ConvNextV2Model, depths=[1, 1, 2, 1], hidden_sizes=[8, 16, 32, 32])
_vision("resnet", hf.ResNetConfig, hf.ResNetModel, embedding_size=16, hidden_sizes=[16, 32], depths=[1, 2])
_vision(
    "regnet", hf.RegNetConfig, hf.RegNetModel, embedding_size=16, hidden_sizes=[16, 32], depths=[1, 2], groups_width=8
)
_vision("mobilenet_v1", hf.MobileNetV1Config, hf.MobileNetV1Model, image_size=32)
_vision("mobilenet_v2", hf.MobileNetV2Config, hf.MobileNetV2Model, image_size=32)
_vision(
    "efficientnet", hf.EfficientNetConfig, hf.EfficientNetModel, image_size=32, hidden_dim=320, width_coefficient=0.25
)
_vision(
    "mobilevit",
    hf.MobileViTConfig,
    hf.MobileViTModel,
    image_size=32,
    hidden_sizes=[16, 24, 32],
    neck_hidden_sizes=[8, 8, 16, 16, 24, 32, 64],
    num_attention_heads=4,
)
_vision(
    "poolformer", hf.PoolFormerConfig, hf.PoolFormerModel, size=64, hidden_sizes=[8, 16, 32, 32], depths=[1, 1, 1, 1]
)
_vision(
    "segformer",
    hf.SegformerConfig,
    hf.SegformerModel,
    size=64,
    hidden_sizes=[8, 16, 32, 32],
    depths=[1, 1, 1, 1],
    num_attention_heads=[1, 2, 4, 4],
)
_vision(
    "pvt",
    hf.PvtConfig,
    hf.PvtModel,
    size=64,
    image_size=64,
    hidden_sizes=[8, 16, 32, 32],
    depths=[1, 1, 1, 1],
    num_attention_heads=[1, 2, 4, 4],
)
_vision("cvt", hf.CvtConfig, hf.CvtModel, size=64, embed_dim=[8, 16, 32], num_heads=[1, 2, 4], depth=[1, 2, 3])
_vision(
    "levit",
    hf.LevitConfig,
    hf.LevitModel,
    size=64,
    image_size=64,
    hidden_sizes=[16, 24, 32],
    num_attention_heads=[2, 3, 4],
    depths=[1, 1, 1],
    key_dim=[8, 8, 8],
)
_vision("bit", hf.BitConfig, hf.BitModel, embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], num_groups=4)
_vision(
    "focalnet",
    hf.FocalNetConfig,
    hf.FocalNetModel,
    image_size=32,
    embed_dim=16,
    hidden_sizes=[16, 32],
    depths=[1, 1],
    focal_levels=[2, 2],
    focal_windows=[3, 3],
)
_vision("yolos", hf.YolosConfig, hf.YolosModel, image_size=[32, 32], patch_size=8, num_detection_tokens=4, **_SMALL)
_vision(
    "dpt",
    hf.DPTConfig,
    hf.DPTForDepthEstimation,
    image_size=32,
    patch_size=8,
    backbone_out_indices=[0, 1, 2, 3],
    neck_hidden_sizes=[8, 8, 16, 16],
    fusion_hidden_size=16,
    **(_SMALL | {"num_hidden_layers": 4}),
)


def _whisper():
    config = hf.WhisperConfig(
        d_model=32,
        encoder_layers=2,
        encoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_layers=1,
        decoder_attention_heads=4,
        decoder_ffn_dim=64,
        vocab_size=96,
        num_mel_bins=16,
        max_source_positions=24,
        pad_token_id=0,
    )
    made = seeded(lambda: hf.WhisperModel(config).encoder)
    return Sound(made, "input_features"), {"sound": torch.randn(2, 16, 48)}, {"sound": {0: "B"}}


def _wav2vec2():
    config = hf.Wav2Vec2Config(
        conv_dim=[16, 16],
        conv_kernel=[8, 4],
        conv_stride=[4, 2],
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=4,
        **_SMALL,
    )
    made = seeded(lambda: hf.Wav2Vec2Model(config))
    return Sound(made), {"sound": torch.randn(2, 400)}, {"sound": {0: "B"}}


class Translation(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, decoder_input_ids):
        return self.model(input_ids=input_ids, decoder_input_ids=decoder_input_ids, use_cache=False)[0]


def _bart():
    config = hf.BartConfig(
        vocab_size=96,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=64,
    )
    made = seeded(lambda: hf.BartForConditionalGeneration(config))
    inputs = {"input_ids": _ids(), "decoder_input_ids": _ids(length=5)}
    return Translation(made), inputs, {"input_ids": {0: "B", 1: "S"}, "decoder_input_ids": {0: "B", 1: "T"}}


def _t5():
    config = hf.T5Config(
        vocab_size=96, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0
    )
    made = seeded(lambda: hf.T5ForConditionalGeneration(config))
    inputs = {"input_ids": _ids(), "decoder_input_ids": _ids(length=5)}
    return Translation(made), inputs, {"input_ids": {0: "B", 1: "S"}, "decoder_input_ids": {0: "B", 1: "T"}}


add("whisper_encoder", "transformers", _whisper)
add("wav2vec2", "transformers", _wav2vec2)
add("bart", "transformers", _bart)
add("t5", "transformers", _t5)
