"""A BERT encoder as ONNX Runtime runs it best: a graph of its own fused operators, as its optimizer would make of an
export (and does not of today's exports).

    nodes, constants = graph(model)     # a transformers BertModel; for peers.onnx
"""

import torch

_CONTRIB = {"domain": "com.microsoft"}


class _Graph:
    def __init__(self):
        self.nodes, self.constants = [], {}

    def constant(self, name, tensor):
        self.constants[name] = tensor.detach().contiguous()
        return name

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append((kind, inputs, [output], attributes))
        return output

    def product(self, x, name, linear):
        return self.node("MatMul", [x, self.constant(f"{name}.w", linear.weight.t())], f"{name}.product")

    def residual_norm(self, x, residual, name, linear, norm):
        """LayerNorm(x + residual + linear's bias)."""
        constants = [self.constant(f"{name}.{n}", t) for n, t in
                     (("gamma", norm.weight), ("beta", norm.bias), ("bias", linear.bias))]  # fmt: skip
        return self.node(
            "SkipLayerNormalization", [x, residual, *constants], f"{name}.y", epsilon=norm.eps, **_CONTRIB
        )


def _embeddings(graph, embeddings):
    words = graph.node("Gather", [graph.constant("words", embeddings.word_embeddings.weight), "input_ids"], "words.y")
    table = embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
    graph.constant("places", table), graph.constant("zero", torch.zeros(1, dtype=torch.int64))
    graph.constant("one", torch.ones(1, dtype=torch.int64))
    graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    graph.node("Slice", ["places", "zero", "length", "zero"], "places.y")
    graph.node("Add", [words, "places.y"], "embedded")
    gamma = graph.constant("norm.w", embeddings.LayerNorm.weight)
    beta = graph.constant("norm.b", embeddings.LayerNorm.bias)
    return graph.node("LayerNormalization", ["embedded", gamma, beta], "states", epsilon=embeddings.LayerNorm.eps)


def _layer(graph, x, name, layer, heads):
    own, output = layer.attention.self, layer.attention.output
    three = (own.query, own.key, own.value)
    weight = graph.constant(f"{name}.qkv.w", torch.cat([p.weight for p in three]).t())
    bias = graph.constant(f"{name}.qkv.b", torch.cat([p.bias for p in three]))
    seen = graph.node("Attention", [x, weight, bias, "ends"], f"{name}.attention", num_heads=heads, **_CONTRIB)
    out = graph.product(seen, f"{name}.out", output.dense)
    x = graph.residual_norm(out, x, f"{name}.norm1", output.dense, output.LayerNorm)
    up = graph.product(x, f"{name}.up", layer.intermediate.dense)
    gelu_bias = graph.constant(f"{name}.up.b", layer.intermediate.dense.bias)
    up = graph.node("BiasGelu", [up, gelu_bias], f"{name}.gelu", **_CONTRIB)
    down = graph.product(up, f"{name}.down", layer.output.dense)
    return graph.residual_norm(down, x, f"{name}.norm2", layer.output.dense, layer.output.LayerNorm)


def graph(model):
    """(nodes, constants): inputs are `input_ids` [B, S] and `ends` [B] (int32: each row's tokens), the output is y."""
    made = _Graph()
    x = _embeddings(made, model.embeddings)
    for at, layer in enumerate(model.encoder.layer):
        x = _layer(made, x, f"layer{at}", layer, model.config.num_attention_heads)
    made.node("Identity", [x], "y")
    return made.nodes, made.constants
