"""A whole training step of a MiniLM-sized encoder: forward, loss, backward, AdamW; 32 sequences of 128 tokens. Then
what goes over all its parameters once a step, by itself: optimisers and clipping.

All sides start from the same weights. Before timing, the results of one step are compared.
"""

import copy
import itertools

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


def _parameters(options, dtype, count):
    """Those of the encoder, with gradients, `count` times the same."""
    layers = _sizes(options)[2]
    model = Bert(BertConfig(num_hidden_layers=layers, vocab_size=500 if options.tiny else 30522)).to(dtype)
    sides = [list(copy.deepcopy(model).parameters()) for _ in range(count)]
    for same in zip(*sides):
        grad = torch.randn_like(same[0])
        for p in same:
            p.grad = grad.clone()
    return sides


def _bytes(parameters):
    return float(sum(p.numel() * p.element_size() for p in parameters))


def _optimiser_case(name, kind, passes, settings, dtype, options):
    """`passes`: how many arrays of the parameters' size a step reads and writes."""
    # PyTorch 2.13's fused SGD gives bfloat16 parameters that are far from those of its other ways.
    ways = ("foreach",) if kind == "SGD" and dtype == torch.bfloat16 else ("foreach", "fused")
    mine, *others = _parameters(options, dtype, 1 + len(ways))

    def stepping(optimiser, parameters):
        def call():
            optimiser.step()
            return parameters[0].detach(), parameters[-1].detach()

        return call

    ours = getattr(optim, kind)(mine, lr=1e-4, **settings)
    theirs = [getattr(torch.optim, kind)(p, lr=1e-4, **settings, **{way: True}) for way, p in zip(ways, others)]
    moved = passes * _bytes(mine)
    return Case(
        name,
        stepping(ours, mine),
        {way: stepping(o, p) for way, o, p in zip(ways, theirs, others)},
        work=moved,
        bytes=moved,
        roof="stream",
        dtype=str(dtype).removeprefix("torch."),
    )


def _clip_case(name, options):
    sides = _parameters(options, torch.float32, 2)

    def clipping(clip, parameters):
        norm = torch.stack([p.grad.norm() for p in parameters]).norm().item()
        limits = (norm / 2 * 0.999**n for n in itertools.count())  # each below the last, so that every call scales

        def call():
            return clip(parameters, next(limits)), parameters[0].grad

        return call

    moved = 3 * _bytes(sides[0])  # read for the norm, then read and written
    return Case(
        name,
        clipping(optim.clip_grad_norm_, sides[0]),
        {"foreach": clipping(torch.nn.utils.clip_grad_norm_, sides[1])},
        tolerance=1e-3,  # PyTorch's float32 norm of 12 million random numbers is 5e-4 from float64's
        work=moved,
        bytes=moved,
        roof="stream",
    )


def cases(options):
    batch, length, layers = _sizes(options)
    name = f"encoder of {layers} layers, batch {batch} x {length}"
    yield name, lambda n=name: _case(n, options)
    for dtype in (torch.float32, torch.bfloat16):
        for kind, passes, settings in (("AdamW", 7, {}), ("SGD", 5, {"momentum": 0.9})):
            name = f"{kind}{' with momentum' if settings else ''}, {str(dtype).removeprefix('torch.')}"
            yield name, lambda n=name, k=kind, p=passes, s=settings, d=dtype: _optimiser_case(n, k, p, s, d, options)
    name = "clip_grad_norm, float32"
    yield name, lambda n=name: _clip_case(n, options)
