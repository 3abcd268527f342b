"""Weights in few bits: what strata.ops.linear_int8 and linear_int4 take, made of a float weight [O, K]. Plain PyTorch.

    q, scale = strata.quantize.int8(layer.weight)
    y = strata.ops.linear_int8(x, q, scale, layer.bias)

    w = strata.quantize.int4(layer.weight, group_size=64)
    y = strata.ops.linear_int4(x, *w.tensors, layer.bias, blocks=w.blocks)

Rounding is to the nearest; nothing is calibrated on data. On weights and inputs from a normal distribution the result
is off by about 1 % (int8) and 8 to 11 % (int4, by group) of its size, root mean square (quantize_test.py).
"""

import dataclasses

import torch


def int8(weight):
    """A float weight [O, K] as int8 in -127..127 and float32 scales [O]: weight = q * scale[:, None], about."""
    weight = weight.detach().float()
    largest = weight.abs().amax(1) if weight.shape[1] else weight.new_zeros(weight.shape[0])
    scale = largest / 127
    q = torch.round(weight / torch.where(scale > 0, scale, 1).unsqueeze(1)).clamp(-127, 127)
    return q.to(torch.int8), scale


@dataclasses.dataclass(frozen=True)
class Int4:
    """A weight in 4 bits: two numbers to a byte [O, K / 2], scales and zero points [K / group, O]."""

    weight: torch.Tensor
    scale: torch.Tensor
    zero: torch.Tensor | None  # None: 8 everywhere
    blocks: int  # a group is 32 * blocks numbers along K

    @property
    def tensors(self):
        """The arguments of linear_int4 after x."""
        return self.weight, self.scale, self.zero

    def dequantised(self):
        """The float32 weight [O, K] that the numbers stand for."""
        groups, outputs = self.scale.shape
        q = torch.stack((self.weight & 15, self.weight >> 4), -1).reshape(outputs, groups, -1).float()
        zero = 8 if self.zero is None else self.zero.T.unsqueeze(-1).float()
        return ((q - zero) * self.scale.T.unsqueeze(-1).float()).flatten(1)


def int4(weight, group_size=32, symmetric=False, scale_dtype=torch.float16):
    """A float weight [O, K] in 4 bits, in groups of 32, 64, 96 or 128 along K.

    `symmetric`: no zero points, so the range is as wide on both sides; a little faster, a little less exact.
    `scale_dtype`: float16 or float32. Scales are rounded to it before the numbers are.
    """
    if group_size not in (32, 64, 96, 128):
        raise ValueError(f"group_size is {group_size}, wanted 32, 64, 96 or 128")
    if weight.dim() != 2 or weight.shape[1] % group_size:
        raise ValueError(f"a weight {list(weight.shape)} has no whole groups of {group_size} along its last dim")
    outputs, width = weight.shape
    values = weight.detach().float().reshape(outputs, width // group_size, group_size)
    if symmetric:
        scale = (values.abs().amax(-1) / 7.5).to(scale_dtype)
        zero = torch.full_like(scale, 8, dtype=torch.float32)
    else:
        # Zero is within the range, so that it stays exact.
        low, high = values.amin(-1).clamp(max=0), values.amax(-1).clamp(min=0)
        scale = ((high - low) / 15).to(scale_dtype)
        zero = torch.round(-low / torch.where(scale > 0, scale, 1).float()).clamp(0, 15)
    step = torch.where(scale > 0, scale, 1).float().unsqueeze(-1)
    q = (torch.round(values / step) + zero.unsqueeze(-1)).clamp(0, 15).to(torch.uint8).reshape(outputs, width)
    packed = q[:, 0::2] | q[:, 1::2] << 4
    zeros = None if symmetric else zero.T.contiguous().to(torch.uint8)
    return Int4(packed, scale.T.contiguous(), zeros, group_size // 32)
