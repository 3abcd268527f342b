"""Torch's symbolic sizes as the plan's dim expressions: text such as "B+1" or "3*N"."""

import sympy

from ._errors import ExportError

_BINARY = {"FloorDiv": "//", "CleanDiv": "//", "Mod": "%", "PythonMod": "%"}


class Dims:
    """The named dims of one exported program: a name for every symbol, and its range."""

    def __init__(self):
        self.names = {}  # sympy symbol -> name
        self.ranges = {}  # name -> [min, max]

    def add(self, symbol, name, low, high):
        self.names[symbol] = name
        self.ranges[name] = [low, high]

    def text(self, size):
        """An int, or an expression as text."""
        if isinstance(size, int):
            return size
        expression = size.node.expr if hasattr(size, "node") else sympy.sympify(size)
        if expression.is_Integer:
            return int(expression)
        return self._text(expression)

    def _text(self, e):
        kind = type(e).__name__
        if e.is_Integer:
            return str(int(e))
        if e.is_Symbol:
            if e not in self.names:
                raise ExportError(
                    f"a size depends on the values of tensors ({e}): the plan's sizes depend on input sizes"
                )
            return self.names[e]
        if kind == "Add":
            return self._sum(e)
        if kind == "Mul":
            return "*".join(map(self._operand, sorted(e.args, key=lambda a: (not a.is_Integer, str(a)))))
        if kind == "Pow" and e.exp.is_Integer and 2 <= e.exp <= 4:
            return "*".join([self._operand(e.base)] * int(e.exp))
        if kind in _BINARY:
            return _BINARY[kind].join(map(self._operand, e.args))
        raise ExportError(f"the size {e} needs {kind}, which a plan cannot say (it has + - * // %)")

    def _sum(self, e):
        # Numbers last, so that it reads "B+1", and what is subtracted after what it is subtracted from.
        terms = sorted(e.args, key=lambda a: (bool(a.is_Integer), str(a)))
        plus = [self._operand(t) for t in terms if not t.could_extract_minus_sign()]
        minus = ["-" + self._operand(-t) for t in terms if t.could_extract_minus_sign()]
        return "+".join(plus or ["0"]) + "".join(minus)

    def _operand(self, e):
        text = self._text(e)
        return text if e.is_Symbol or e.is_Integer else f"({text})"


def name_dims(placeholders, dynamic_shapes, constraints):
    """Names every symbol after the torch.export.Dim that the caller gave for it.

    placeholders: {input name: fake tensor}; dynamic_shapes: {input name: {dim: Dim} or None}.
    """
    dims = Dims()
    for name, tensor in placeholders.items():
        for at, dim in (dynamic_shapes.get(name) or {}).items():
            if dim is None or isinstance(dim, int):
                continue
            root = getattr(dim, "root", dim)  # "B+1" is derived from B
            size = tensor.shape[at]
            free = sorted(size.node.expr.free_symbols, key=str) if hasattr(size, "node") else []
            if len(free) != 1:
                raise ExportError(
                    f"dim {at} of input {name} became the number {size} while tracing, although it was given as "
                    f"{dim.__name__}: the model fixes it, or the example has size 1 there (use 2 or more)"
                )
            if not root.__name__[:1].isupper():
                raise ExportError(f"the dim {root.__name__!r} of input {name} must begin with a capital letter")
            low, high = _range(root, constraints.get(free[0]))
            dims.add(free[0], root.__name__, low, high)
    return dims


def _range(root, constraint):
    low = int(getattr(root, "min", 0) or 0)
    high = getattr(root, "max", None)
    if constraint is not None and constraint.upper.is_Integer:
        high = min(int(constraint.upper), high if isinstance(high, int) else int(constraint.upper))
    return max(low, 1), min(int(high), 2**20) if isinstance(high, int) else 2**20
