"""Activations and their gated forms as fused pointwise programs: one pass over memory, forward and backward, in
float32, bfloat16, float16 and float64. Narrow dtypes are computed in float32 and rounded once.

    from strata.nn import functional as F
    y = F.swiglu(gate, up)
"""

import torch

from .. import ops
from ..pointwise import fuse, wide

__all__ = ["gated_linear", "geglu", "gelu", "mish", "relu", "sigmoid", "silu", "softplus", "swiglu", "tanh"]


@fuse
def relu(x):
    """max(x, 0)"""
    return torch.relu(x)


@fuse
def sigmoid(x):
    """1 / (1 + e^-x)"""
    return torch.sigmoid(wide(x)).to(x.dtype)


@fuse
def tanh(x):
    """The hyperbolic tangent."""
    return torch.tanh(wide(x)).to(x.dtype)


@fuse
def silu(x):
    """x * sigmoid(x)"""
    return torch.nn.functional.silu(wide(x)).to(x.dtype)


@fuse
def softplus(x):
    """log(1 + e^x)"""
    return torch.nn.functional.softplus(wide(x)).to(x.dtype)


@fuse
def mish(x):
    """x * tanh(softplus(x))"""
    f = wide(x)
    return (f * torch.tanh(torch.nn.functional.softplus(f))).to(x.dtype)


@fuse
def swiglu(gate, up):
    """silu(gate) * up"""
    return (torch.nn.functional.silu(wide(gate)) * wide(up)).to(gate.dtype)


@fuse
def geglu(gate, up):
    """gelu(gate) * up"""
    return (torch.nn.functional.gelu(wide(gate)) * wide(up)).to(gate.dtype)


@fuse
def _gelu_exact(x):
    return torch.nn.functional.gelu(wide(x)).to(x.dtype)


@fuse
def _gelu_by_tanh(x):
    return torch.nn.functional.gelu(wide(x), approximate="tanh").to(x.dtype)


def gelu(x, approximate="none"):
    """x * Phi(x), or its "tanh" form: the bits of strata.ops.gelu."""
    return _gelu_by_tanh(x) if approximate == "tanh" else _gelu_exact(x)


def gated_linear(x, gate_weight, up_weight, gate_bias=None, up_bias=None, activation="silu"):
    """activation(x gate_weight^T + gate_bias) * (x up_weight^T + up_bias): SwiGLU; with "gelu" GeGLU. The bits of the
    unfused steps. Of a packed weight [2*I, K]: `gated_linear(x, *weight.chunk(2))`, which copies nothing."""
    gate = ops.linear(x, gate_weight, gate_bias, activation=activation)
    return ops.linear(x, up_weight, up_bias, gate)
