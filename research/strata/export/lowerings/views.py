"""Operators that compute nothing: another look at the same memory. And copies: repeat, roll, concatenation."""

from ._table import Unsupported, fake, lowers, wrap


@lowers(
    "view",
    "_unsafe_view",
    "reshape",
    "unsqueeze",
    "squeeze",
    "squeeze.dim",
    "squeeze.dims",
    "flatten.using_ints",
    "unflatten.int",
    "view_as",
)
def _reshape(build, node, x, *_):
    return build.reshape(x, fake(node).shape)


@lowers("permute")
def _permute(build, node, x, dims):
    return build.permute(x, [d % x.rank for d in dims])


@lowers("transpose.int", "t", "numpy_T", "mT", "movedim.int")
def _transpose(build, node, x, *dims):
    order = list(range(x.rank))
    if "movedim" in str(node.target):
        order.insert(dims[1] % x.rank, order.pop(dims[0] % x.rank))
    elif x.rank > 1:
        a, b = [d % x.rank for d in (dims or (-2, -1))]
        order[a], order[b] = order[b], order[a]
    return build.permute(x, order)


@lowers("expand", "expand_as", "broadcast_to")
def _expand(build, node, x, *_, **__):
    return build.broadcast(x, fake(node).shape)


def _start(start, size):
    """Counted from the front, and not beyond the end where that can be told."""
    start = 0 if start is None else start
    if isinstance(start, int) and start < 0:
        start = start + size
        return max(start, 0) if isinstance(start, int) else start
    return min(start, size) if isinstance(start, int) and isinstance(size, int) else start


@lowers("slice.Tensor")
def _slice(build, node, x, dim=0, start=None, end=None, step=1):
    dim = wrap(dim, x.rank)
    start = _start(start, fake(node.args[0]).shape[dim])
    return build.slice(x, dim, start, fake(node).shape[dim], step)


@lowers("narrow")
def _narrow(build, node, x, dim, start, length):
    return build.slice(x, wrap(dim, x.rank), _start(start, fake(node.args[0]).shape[dim]), length)


@lowers("select.int")
def _select(build, node, x, dim, index):
    dim = wrap(dim, x.rank)
    row = build.slice(x, dim, _start(index, fake(node.args[0]).shape[dim]), 1)
    return build.reshape(row, fake(node).shape)


@lowers("split.Tensor", "split_with_sizes", "chunk", "unsafe_split.Tensor", "tensor_split.sections")
def _split(build, node, x, _, dim=0):
    dim, at, parts = wrap(dim, x.rank), 0, []
    for part in fake(node):
        parts.append(build.slice(x, dim, at, part.shape[dim]))
        at = at + part.shape[dim]
    return parts


@lowers("unbind.int")
def _unbind(build, node, x, dim=0):
    dim = wrap(dim, x.rank)
    return [build.reshape(build.slice(x, dim, i, 1), part.shape) for i, part in enumerate(fake(node))]


@lowers(
    "clone",
    "contiguous",
    "detach",
    "alias",
    "lift_fresh_copy",
    "detach_",
    "dropout",
    "native_dropout",
    "feature_dropout",
    "dropout_",
    "alpha_dropout",
)
def _same(build, node, x, *_, **__):
    if "dropout" in str(node.target) and _ and len(_) > 1 and _[1]:
        raise Unsupported("dropout that is in training: call model.eval()")
    return x


@lowers("cat", "concat", "concatenate")
def _cat(build, node, xs, dim=0):
    like = fake(node)
    xs = [x for x in xs if x.shape != [0]]  # PyTorch leaves out an empty vector
    if len(xs) == 1:
        return xs[0]
    if any(x.dtype != like.dtype for x in xs):
        raise Unsupported("a concatenation of several dtypes")
    return build.op("concat", [xs], {"dim": wrap(dim, like.dim())}, [build.value(like)])[0]


@lowers("stack")
def _stack(build, node, xs, dim=0):
    like = fake(node)
    dim = wrap(dim, like.dim())
    shape = [1 if d == dim else size for d, size in enumerate(like.shape)]
    xs = [build.reshape(x, shape) for x in xs]
    return build.op("concat", [xs], {"dim": dim}, [build.value(like)])[0]


@lowers("repeat")
def _repeat(build, node, x, repeats):
    sizes = [1] * (len(repeats) - x.rank) + list(fake(node.args[0]).shape)
    apart = [part for size in sizes for part in (1, size)]
    each = [part for times, size in zip(repeats, sizes) for part in (times, size)]
    return build.reshape(build.broadcast(build.reshape(x, apart), each), fake(node).shape)


@lowers("repeat_interleave.self_int")
def _repeat_interleave(build, node, x, repeats, dim=None, **_):
    if not isinstance(repeats, int):
        raise Unsupported("repeat_interleave with a number that depends on a size")
    sizes = list(fake(node.args[0]).shape)
    if dim is None:
        dim, sizes = 0, [fake(node.args[0]).numel()]
        x = build.reshape(x, sizes)
    dim = wrap(dim, len(sizes))
    apart = build.reshape(x, [*sizes[: dim + 1], 1, *sizes[dim + 1 :]])
    each = build.broadcast(apart, [*sizes[: dim + 1], repeats, *sizes[dim + 1 :]])
    return build.reshape(each, fake(node).shape)


@lowers("roll")
def _roll(build, node, x, shifts, dims=()):
    sizes = list(fake(node).shape)
    if not dims:
        raise Unsupported("roll of the flattened tensor")
    for shift, dim in zip(shifts, dims):
        dim, size = wrap(dim, x.rank), sizes[dim]
        shift = shift % size
        if shift == 0:
            continue
        front, back = build.slice(x, dim, size - shift, shift), build.slice(x, dim, 0, size - shift)
        x = build.op("concat", [[front, back]], {"dim": dim}, [build.value((x.dtype, sizes))])[0]
    return x
