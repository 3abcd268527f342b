"""Quantised layers beside float64: how far off they are, and that the numbers mean what they say."""

import pytest
import torch
from torch.nn import functional as F

from strata import ops, quantize


def layer(rows=16, width=512, outputs=96):
    generator = torch.Generator().manual_seed(1)
    x, weight, bias = (torch.randn(s, generator=generator) for s in ((rows, width), (outputs, width), (outputs,)))
    return x, weight * 0.05, bias


def error(got, want):
    return float((got.double() - want).norm() / want.norm())


def test_int8_is_within_a_percent_or_so():
    x, weight, bias = layer()
    want = F.linear(x.double(), weight.double(), bias.double())
    q, scale = quantize.int8(weight)
    assert q.dtype == torch.int8 and int(q.abs().max()) == 127
    assert error(ops.linear_int8(x, q, scale, bias), want) < 0.015


@pytest.mark.parametrize("group_size", (32, 64, 128))
@pytest.mark.parametrize("symmetric", (False, True))
@pytest.mark.parametrize("scale_dtype", (torch.float16, torch.float32))
def test_int4(group_size, symmetric, scale_dtype):
    x, weight, bias = layer()
    w = quantize.int4(weight, group_size, symmetric, scale_dtype)
    got = ops.linear_int4(x, *w.tensors, bias, blocks=w.blocks)
    # Of the rounded weight only the rounding of the inputs is left.
    exact = F.linear(x.double(), w.dequantised().double(), bias.double())
    assert error(got, exact) < 0.01
    assert error(got, F.linear(x.double(), weight.double(), bias.double())) < 0.15


def test_int4_keeps_zeros_and_rounds_by_half_a_step():
    _, weight, _ = layer()
    weight[:, 5] = 0
    w = quantize.int4(weight, scale_dtype=torch.float32)
    back = w.dequantised()
    assert bool((back[:, 5] == 0).all())
    step = w.scale.T.repeat_interleave(32, 1)
    # Half a step, and at the ends of a group's range the half that the zero point was rounded by.
    assert bool(((back - weight).abs() <= 1.01 * step).all())


def test_rows_of_zeros():
    weight = torch.zeros(3, 64)
    q, scale = quantize.int8(weight)
    assert not q.any() and not scale.any()
    assert not quantize.int4(weight).dequantised().any()


def test_widths_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="no whole groups"):
        quantize.int4(torch.zeros(2, 48))
    with pytest.raises(ValueError, match="group_size"):
        quantize.int4(torch.zeros(2, 48), 16)
