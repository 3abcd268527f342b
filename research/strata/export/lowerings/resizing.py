"""Interpolation. A fixed size is a product with a matrix of weights for each dim; nearest picks by number."""

import torch

from ._table import Unsupported, fake, lowers
from .convolutions import resized


def _sizes(node, rank):
    source, like = fake(node.args[0]), fake(node)
    had, wanted = list(source.shape[-rank:]), list(like.shape[-rank:])
    if not all(isinstance(v, int) for v in had + wanted):
        raise Unsupported("interpolation of sizes that are not fixed")
    return source, like, had, wanted


def _scales(factors, had, wanted):
    """Elements of the input for each of the output: by the factors that the model gives, else by the sizes."""
    return [1 / f if f else h / w for f, h, w in zip(factors or [None] * len(had), had, wanted)]


@lowers(
    "upsample_nearest1d.vec",
    "upsample_nearest2d.vec",
    "upsample_nearest3d.vec",
    "upsample_nearest2d",
    "upsample_nearest1d",
)
def _nearest(build, node, x, size, *factors):
    rank = int(str(node.target).split("upsample_nearest")[1][0])
    source, like, had, wanted = _sizes(node, rank)
    vec = str(node.target).endswith("vec")
    scales = _scales(factors[0] if vec and factors else factors if factors and factors[0] else None, had, wanted)
    sizes = list(source.shape)
    for at in range(rank):
        dim = source.dim() - rank + at
        ids = torch.tensor([min(int(i * scales[at]), had[at] - 1) for i in range(wanted[at])])
        order = [dim] + [d for d in range(source.dim()) if d != dim]
        turned = build.permute(x, order)
        width = 1
        for d in order[1:]:
            width = width * sizes[d]
        flat = build.reshape(turned, [had[at], width])
        rows = build.op("embedding", [flat, build.constant(ids)], {}, [build.value((x.dtype, [wanted[at], width]))])[0]
        sizes[dim] = wanted[at]
        back = build.reshape(rows, [sizes[d] for d in order])
        x = build.permute(back, [order.index(d) for d in range(source.dim())])
    return x


def _places(had, wanted, scale, align):
    """Where the outputs lie among the inputs, as PyTorch counts."""
    i = torch.arange(wanted, dtype=torch.float64)
    if align:
        return i * ((had - 1) / (wanted - 1) if wanted > 1 else 0.0)
    return (i + 0.5) * scale - 0.5


def _linear(had, wanted, scale, align):
    matrix = torch.zeros(wanted, had, dtype=torch.float64)
    for i, place in enumerate(_places(had, wanted, scale, align).clamp(min=0).tolist()):
        low = min(int(place), had - 1)
        part = place - low
        matrix[i, low] += 1 - part
        matrix[i, min(low + 1, had - 1)] += part
    return matrix


def _cubic(had, wanted, scale, align, a=-0.75):
    """Keys' kernel with PyTorch's a; what lies outside is the edge."""

    def near(t):
        return ((a + 2) * t - (a + 3)) * t * t + 1

    def far(t):
        return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a

    matrix = torch.zeros(wanted, had, dtype=torch.float64)
    for i, place in enumerate(_places(had, wanted, scale, align).tolist()):
        low = int(place // 1)
        t = place - low
        for at, weight in zip(range(low - 1, low + 3), (far(t + 1), near(t), near(1 - t), far(2 - t))):
            matrix[i, min(max(at, 0), had - 1)] += weight
    return matrix


def _weighted(build, node, x, rank, kernel, align, factors):
    source, like, had, wanted = _sizes(node, rank)
    scales = _scales(factors, had, wanted)
    return resized(build, x, source, like, [kernel(h, w, s, align) for h, w, s in zip(had, wanted, scales)])


@lowers("upsample_linear1d.vec", "upsample_bilinear2d.vec", "upsample_trilinear3d.vec")
def _bilinear(build, node, x, size, align, factors=None):
    rank = {"linear1d": 1, "bilinear2d": 2, "trilinear3d": 3}[str(node.target).split("upsample_")[1].split(".")[0]]
    return _weighted(build, node, x, rank, _linear, align, factors)


@lowers("upsample_bicubic2d.vec")
def _bicubic(build, node, x, size, align, factors=None):
    return _weighted(build, node, x, 2, _cubic, align, factors)


@lowers("pixel_shuffle")
def _pixel_shuffle(build, node, x, factor):
    *lead, channels, height, width = fake(node.args[0]).shape
    apart = build.reshape(x, [*lead, channels // (factor * factor), factor, factor, height, width])
    n = len(lead)
    turned = build.permute(apart, [*range(n), n, n + 3, n + 1, n + 4, n + 2])
    return build.reshape(turned, fake(node).shape)
