"""Products: linear, matmul and their older names."""

from ._table import Unsupported, fake, lowers, one


@lowers("linear")
def _linear(build, node, x, weight, bias=None):
    if weight.rank == 1:
        raise Unsupported("linear with a weight of one dim")
    return one(build, node, "linear", [x, weight, bias, None, None])


def _turned(build, w):
    """The transposed matrix; of a constant, a constant."""
    return build.constant(w.tensor.t(), w.name + ".transposed") if w.constant else build.permute(w, [1, 0])


def _matrix(build, node, a, b, bias=None):
    """a @ b for a matrix b: with a constant b it is linear's product, whose bits are the same."""
    return one(build, node, "linear", [a, _turned(build, b), bias, None, None])


@lowers("matmul", "bmm", "mm")
def _matmul(build, node, a, b):
    like = fake(node)
    if b.rank == 2 and b.constant:
        return _matrix(build, node, a, b)
    left, right = fake(node.args[0]).shape, fake(node.args[1]).shape
    m, n = ([] if a.rank == 1 else [left[-2]]), ([] if b.rank == 1 else [right[-1]])
    batch = list(like.shape[: like.dim() - len(m) - len(n)])
    m, n = m or [1], n or [1]
    a = build.reshape(a, [1, left[0]]) if a.rank == 1 else a
    b = build.reshape(b, [right[0], 1]) if b.rank == 1 else b
    a, b = build.broadcast(a, [*batch, m[0], left[-1]]), build.broadcast(b, [*batch, left[-1], n[0]])
    product = build.op("matmul", [a, b], {}, [build.value((like.dtype, [*batch, m[0], n[0]]))])[0]
    return build.reshape(product, like.shape)


@lowers("addmm")
def _addmm(build, node, bias, a, b, beta=1, alpha=1):
    if beta != 1 or alpha != 1 or not b.constant or bias.rank != 1:
        raise Unsupported("addmm but for bias + x @ constant weight")
    return _matrix(build, node, a, b, bias)
