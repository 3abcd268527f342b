"""Activations and their gated forms as fused pointwise programs: one pass over memory, forward and backward, in
float32, bfloat16, float16 and float64. Narrow dtypes are computed in float32 and rounded once.

    from strata.nn import functional as F
    y = F.swiglu(gate, up)
"""

import torch

from .. import ops
from ..pointwise import fma, fuse, maximum, wide

__all__ = ["gated_linear", "geglu", "gelu", "mish", "relu", "sigmoid", "silu", "softplus", "swiglu", "tanh"]


def _silu(f):
    # As the fused activation of a linear layer computes it.
    return f / (1 + torch.exp(-f))


def _gelu_tanh(f):
    inner = fma(f * f * f, 0.044715, f)
    return 0.5 * f * (1 + torch.tanh(inner * 0.79788456080286535588))


def _softplus(f):
    return maximum(f, 0.0) + torch.log1p(torch.exp(-abs(f)))


@fuse
def relu(x):
    """max(x, 0)"""
    return torch.relu(x)


@fuse
def sigmoid(x):
    """1 / (1 + e^-x)"""
    return torch.sigmoid(x)


@fuse
def tanh(x):
    """The hyperbolic tangent."""
    return torch.tanh(x)


@fuse
def silu(x):
    """x * sigmoid(x)"""
    return _silu(wide(x)).to(x.dtype)


@fuse
def softplus(x):
    """log(1 + e^x)"""
    return _softplus(wide(x)).to(x.dtype)


@fuse
def mish(x):
    """x * tanh(softplus(x))"""
    f = wide(x)
    return (f * torch.tanh(_softplus(f))).to(x.dtype)


@fuse
def swiglu(gate, up):
    """silu(gate) * up"""
    return (_silu(wide(gate)) * wide(up)).to(gate.dtype)


@fuse
def geglu(gate, up):
    """gelu(gate) * up"""
    f = wide(gate)
    return (f * torch.special.ndtr(f) * wide(up)).to(gate.dtype)


@fuse
def _gelu_exact(x):
    f = wide(x)
    return (f * torch.special.ndtr(f)).to(x.dtype)


@fuse
def _gelu_by_tanh(x):
    return _gelu_tanh(wide(x)).to(x.dtype)


def gelu(x, approximate="none"):
    """x * Phi(x), or its "tanh" form: the bits of strata.ops.gelu."""
    return _gelu_by_tanh(x) if approximate == "tanh" else _gelu_exact(x)


def gated_linear(x, gate_weight, up_weight, gate_bias=None, up_bias=None, activation="silu"):
    """activation(x gate_weight^T + gate_bias) * (x up_weight^T + up_bias): SwiGLU; with "gelu" GeGLU. The bits of the
    unfused steps. Of a packed weight [2*I, K]: `gated_linear(x, *weight.chunk(2))`, which copies nothing."""
    gate = ops.linear(x, gate_weight, gate_bias, activation=activation)
    return ops.linear(x, up_weight, up_bias, gate)
