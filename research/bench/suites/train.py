"""A whole training step of a MiniLM-sized encoder: forward, loss, backward, AdamW; 32 sequences of 128 tokens.

Both sides start from the same weights. Before timing, the losses of three steps are compared.
"""

import copy

import torch
from torch.nn import functional as F

from strata import optim
from strata.models.bert import Bert, BertConfig

from .. import peers
from ..case import Case

UNIT = ""


class Plain(torch.nn.Module):
    """The same encoder in PyTorch's own modules, on a dense batch."""

    def __init__(self, config, weights):
        super().__init__()
        self.config = config
        self.w = torch.nn.ParameterDict(
            {k.replace(".", "/"): torch.nn.Parameter(v.clone()) for k, v in weights.items()}
        )

    def _linear(self, name, x):
        return F.linear(x, self.w[f"{name}/weight"], self.w[f"{name}/bias"])

    def _norm(self, name, x):
        return F.layer_norm(
            x, x.shape[-1:], self.w[f"{name}/weight"], self.w[f"{name}/bias"], self.config.layer_norm_eps
        )

    def forward(self, ids):
        c, (batch, length) = self.config, ids.shape
        heads = lambda t: t.view(batch, length, c.num_attention_heads, -1).transpose(1, 2)  # noqa: E731
        x = F.embedding(ids, self.w["embeddings/word/weight"]) + self.w["embeddings/position/weight"][:length]
        x = self._norm("embeddings/norm", x + self.w["embeddings/token_type/weight"][0])
        for at in range(c.num_hidden_layers):
            p = f"layers/{at}"
            q, k, v = (heads(self._linear(f"{p}/attention/{n}", x)) for n in ("query", "key", "value"))
            a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, -1)
            x = self._norm(f"{p}/attention_norm", self._linear(f"{p}/attention/output", a) + x)
            h = self._linear(f"{p}/down", F.gelu(self._linear(f"{p}/up", x)))
            x = self._norm(f"{p}/norm", h + x)
        return x


def _sizes(options):
    """Sequences, their length, layers."""
    return (2, 8, 1) if options.tiny else (32, 128, 2 if options.quick else 6)


def _fused(parameters, lr):
    return torch.optim.AdamW(parameters, lr=lr, fused=True)


def _loss(states, target):
    """Stands for a head: it costs both sides the same."""
    return (states.reshape(target.shape) - target).square().mean()


def _step(model, forward, target, adamw):
    optimiser = adamw(model.parameters(), lr=1e-4)

    def call():
        optimiser.zero_grad()
        loss = _loss(forward(), target)
        loss.backward()
        optimiser.step()
        return loss.detach()

    return call


def _case(name, options):
    batch, length, layers = _sizes(options)
    config = BertConfig(num_hidden_layers=layers, vocab_size=500 if options.tiny else 30522)
    torch.manual_seed(0)
    ours = Bert(config)
    for parameter in ours.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.02)
    ids = torch.randint(config.vocab_size, (batch, length))
    ends = torch.arange(0, batch * length + 1, length)
    target = torch.randn(batch * length, config.hidden_size)
    plain = Plain(config, ours.state_dict())
    flat = ids.flatten()
    sides = {"eager": _step(plain, lambda: plain(ids), target, _fused)}
    for side, run in peers.compiled(copy.deepcopy(plain), options).items():
        sides[side] = _step(run, lambda run=run: run(ids), target, _fused)
    # A step changes the weights, so that checking is one step of each from the same start.
    return Case(
        name,
        _step(ours, lambda: ours(flat, ends), target, optim.AdamW),
        sides,
        tolerance=1e-3,
        grad=True,
        work=3.0 * batch * length * layers * (2 * 12 * 384**2 + 4 * length * 384),
        roof="fma_f32",
    )


def cases(options):
    batch, length, layers = _sizes(options)
    name = f"encoder of {layers} layers, batch {batch} x {length}"
    yield name, lambda: _case(name, options)
