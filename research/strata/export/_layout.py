"""Where values lie in memory, found out by PyTorch itself: each value is a tensor without data ("meta") at some points
of the dims, and a view is done to it there. What is contiguous at sizes above 1 is contiguous at all sizes."""

import torch

from ..ops._schema import evaluate


def points(ranges):
    """Sizes of the dims at which layouts are looked at: two of them, no two dims equal where the ranges let them."""
    made = []
    for shift in (48, 65):
        sizes = [min(max(low, shift + 2 * at), high) for at, (low, high) in enumerate(ranges.values())]
        made.append(dict(zip(ranges, sizes)))
    return made


def size(text, point):
    return text if isinstance(text, int) else evaluate(text, point)


def _sizes(shape, point):
    return [size(s, point) for s in shape]


def plain(value, at):
    return [torch.empty(_sizes(value.shape, point), dtype=value.dtype, device="meta") for point in at]


def contiguous(look):
    return all(t.is_contiguous() for t in look)


def rows_contiguous(look):
    return all(t.dim() == 0 or t.stride(-1) == 1 or t.shape[-1] == 1 for t in look)


def _one(step, tensor, point):
    shape, attrs = _sizes(step.outputs[0].shape, point), step.attrs
    if step.name == "reshape":
        return tensor.view(shape)
    if step.name == "permute":
        return tensor.permute(attrs["dims"])
    if step.name == "broadcast":
        return tensor.expand(shape)
    start, dim, stride = size(attrs["start"], point), attrs["dim"], size(attrs.get("step", 1), point)
    length = max(0, (shape[dim] - 1) * stride + 1)
    return tensor.narrow(dim, start, length)[(slice(None),) * dim + (slice(None, None, stride),)]


def view(step, look, at):
    """The layout of a view step's output; None for a reshape that would have to copy."""
    try:
        return [_one(step, tensor, point) for tensor, point in zip(look, at)]
    except RuntimeError:
        if step.name != "reshape":
            raise
        return None
