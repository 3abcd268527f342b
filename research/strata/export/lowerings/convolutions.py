"""Convolutions and pooling. The operators have three spatial dims; sequences and images get sizes of 1 in front."""

import torch

from ._table import Unsupported, fake, lowers

_WORDS = ("d", "h", "w")


def _three(values, default, rank):
    """Settings of `rank` spatial dims as those of three."""
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    values = values * rank if len(values) == 1 else values
    return [default] * (3 - rank) + values


def _settings(**named):
    """{"stride": [1, 2, 2]} as the attributes stride_d, stride_h, stride_w."""
    return {f"{name}_{word}": int(v) for name, values in named.items() for word, v in zip(_WORDS, values)}


def _deep(build, x, sizes):
    """[N, C, D, H, W] of what has fewer spatial dims."""
    return build.reshape(x, [*sizes[:2], *[1] * (5 - len(sizes)), *sizes[2:]])


def _deep_shape(like):
    return [*like.shape[:2], *[1] * (5 - like.dim()), *like.shape[2:]]


@lowers("convolution")
def _convolution(build, node, x, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    source, like = fake(node.args[0]), fake(node)
    rank = source.dim() - 2
    if rank < 1 or rank > 3:
        raise Unsupported("a convolution without a batch dim, or over more than three dims")
    stride, padding, dilation = (_three(v, d, rank) for v, d in ((stride, 1), (padding, 0), (dilation, 1)))
    deep = _deep(build, x, source.shape)
    if transposed:
        deep, weight, padding = _turned(
            build,
            deep,
            weight,
            _deep_shape(source),
            stride,
            padding,
            dilation,
            _three(output_padding, 0, rank),
            groups,
            rank,
        )
        stride = [1, 1, 1]
    else:
        weight = _deep(build, weight, weight.shape)
    attrs = _settings(stride=stride, padding=padding, dilation=dilation) | {"groups": groups}
    made = build.value((like.dtype, _deep_shape(like)))
    y = build.op("convolution", [deep, weight, bias], attrs, [made])[0]
    return build.reshape(y, like.shape)


def _zeros(build, dtype, sizes):
    return build.broadcast(build.constant(torch.zeros((), dtype=dtype)), sizes)


def _turned(build, x, weight, shape, stride, padding, dilation, extra, groups, rank):
    """A transposed convolution as one of x with zeros between its elements and around it: (x, weight, padding).
    Zeros are added to sums, which changes none."""
    if not weight.constant:
        raise Unsupported("a transposed convolution whose weight is computed")
    kernel = [1] * (3 - rank) + list(weight.tensor.shape[2:])
    sizes = list(shape)
    for d in range(3):
        around = dilation[d] * (kernel[d] - 1) - padding[d]
        if around < 0:
            raise Unsupported("a transposed convolution with more padding than its kernel reaches")
        x = _spread(build, x, sizes, 2 + d, stride[d], around, around + extra[d])
    plain = weight.tensor.flip(*range(2, weight.tensor.dim()))
    into, out = plain.shape[:2]
    plain = plain.view(groups, into // groups, out, *plain.shape[2:]).transpose(1, 2)
    plain = plain.reshape(groups * out, into // groups, *kernel)
    return x, build.constant(plain, weight.name + ".turned"), [0, 0, 0]


def _spread(build, x, sizes, dim, stride, before, after):
    """Dim `dim` of x with stride - 1 zeros between its elements and others around it; `sizes` follows."""
    if stride > 1:
        apart = [*sizes[: dim + 1], 1, *sizes[dim + 1 :]]
        gap = [*sizes[: dim + 1], stride - 1, *sizes[dim + 1 :]]
        joined = [*sizes[: dim + 1], stride, *sizes[dim + 1 :]]
        parts = [build.reshape(x, apart), _zeros(build, x.dtype, gap)]
        x = build.op("concat", [parts], {"dim": dim + 1}, [build.value((x.dtype, joined))])[0]
        whole = sizes[dim] * stride
        x = build.reshape(x, [*sizes[:dim], whole, *sizes[dim + 1 :]])
        sizes[dim] = whole - (stride - 1)
        x = build.slice(x, dim, 0, sizes[dim])
    return padded(build, x, sizes, dim, before, after, 0)


def padded(build, x, sizes, dim, before, after, number):
    """Dim `dim` of x with numbers around it, or with its ends cut off where they are negative; `sizes` follows."""
    for at_front, count in ((True, before), (False, after)):
        if count < 0:
            sizes[dim] = sizes[dim] + count
            x = build.slice(x, dim, -count if at_front else 0, sizes[dim])
        elif count > 0:
            border = [*sizes[:dim], count, *sizes[dim + 1 :]]
            edge = build.broadcast(build.constant(torch.tensor(number, dtype=x.dtype)), border)
            sizes[dim] = sizes[dim] + count
            parts = [edge, x] if at_front else [x, edge]
            x = build.op("concat", [parts], {"dim": dim}, [build.value((x.dtype, sizes))])[0]
    return x


@lowers("constant_pad_nd")
def _pad(build, node, x, pad, value=0):
    sizes = list(fake(node.args[0]).shape)
    for at in range(len(pad) // 2):
        x = padded(build, x, sizes, len(sizes) - 1 - at, pad[2 * at], pad[2 * at + 1], value)
    return x


def _ceil(build, x, sizes, like, kernel, stride, padding, number):
    """x with so much more behind it that the last window of ceil_mode fits."""
    for d in range(3):
        wanted = (like[2 + d] - 1) * stride[d] + kernel[d]
        had = sizes[2 + d] + 2 * padding[d]
        if isinstance(wanted, int) and isinstance(had, int) and wanted > had:
            x = padded(build, x, sizes, 2 + d, 0, wanted - had, number)
    return x


def _pool(build, node, operation, x, kernel, stride, padding, ceil_mode, **attrs):
    source, like = fake(node.args[0]), fake(node)
    like = like[0] if isinstance(like, (tuple, list)) else like
    rank = len(kernel)
    if source.dim() != rank + 2:
        raise Unsupported("pooling without a batch dim")
    kernel, stride, padding = (_three(v, d, rank) for v, d in ((kernel, 1), (stride or kernel, 1), (padding, 0)))
    sizes = _deep_shape(source)
    deep = _deep(build, x, source.shape)
    if ceil_mode:
        if operation == "mean":
            raise Unsupported("a mean over windows that end outside (ceil_mode)")
        deep = _ceil(build, deep, sizes, _deep_shape(like), kernel, stride, padding, -torch.inf)
    attrs |= _settings(kernel=kernel, stride=stride, padding=padding) | {"operation": operation}
    made = build.value((like.dtype, _deep_shape(like)))
    return build.reshape(build.op("pool", [deep], attrs, [made])[0], like.shape)


@lowers("max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices")
def _max_pool(build, node, x, kernel, stride=(), padding=0, dilation=1, ceil_mode=False):
    if any(d != 1 for d in (dilation if isinstance(dilation, (list, tuple)) else [dilation])):
        raise Unsupported("pooling with a dilation")
    y = _pool(build, node, "max", x, kernel, stride, padding, ceil_mode)
    return [y] if "with_indices" in str(node.target) else y


@lowers("avg_pool1d", "avg_pool2d", "avg_pool3d")
def _avg_pool(build, node, x, kernel, stride=(), padding=0, ceil_mode=False, count_include_pad=True, divisor=None):
    return _pool(
        build,
        node,
        "mean",
        x,
        kernel,
        stride,
        padding,
        ceil_mode,
        count_outside=count_include_pad,
        divisor=divisor or 0,
    )


@lowers(
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d"
)
def _adaptive(build, node, x, out):
    source, like = fake(node.args[0]), fake(node)
    rank = len(out)
    had, wanted = list(source.shape[-rank:]), list(like.shape[-rank:])
    if source.dim() != rank + 2:
        raise Unsupported("pooling without a batch dim")
    if not all(isinstance(h, int) and isinstance(w, int) for h, w in zip(had, wanted)):
        raise Unsupported("adaptive pooling of sizes that are not fixed")
    if all(h % w == 0 for h, w in zip(had, wanted)):
        windows = [h // w for h, w in zip(had, wanted)]
        return _pool(build, node, "mean", x, windows, windows, [0] * rank, False)
    return resized(build, x, source, like, [_means(h, w) for h, w in zip(had, wanted)])


def _means(had, wanted):
    """The matrix whose row i averages the elements from floor(i had / wanted) to ceil((i + 1) had / wanted)."""
    matrix = torch.zeros(wanted, had, dtype=torch.float64)
    for i in range(wanted):
        first, last = i * had // wanted, -(-(i + 1) * had // wanted)
        matrix[i, first:last] = 1 / (last - first)
    return matrix


def resized(build, x, source, like, matrices):
    """Each of the last dims multiplied by its matrix [wanted, had]."""
    rank, sizes = source.dim(), list(source.shape)
    for at, matrix in enumerate(matrices):
        dim = rank - len(matrices) + at
        order = [d for d in range(rank) if d != dim] + [dim]
        turned = build.permute(x, order)
        sizes[dim] = matrix.shape[0]
        weight = build.constant(matrix.to(like.dtype))
        y = build.op("linear", [turned, weight, None, None, None], {},
                     [build.value((like.dtype, [sizes[d] for d in order]))])[0]  # fmt: skip
        x = build.permute(y, [order.index(d) for d in range(rank)])
    return x
