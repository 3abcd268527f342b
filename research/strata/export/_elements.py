"""What one element of a value is, as a function of where it stands: how rewrites prove what a mask hides.

    elements = Elements(steps)
    b, i, j = elements.index("b", "B"), elements.index("i", "S"), elements.index("j", "S")
    elements.at(mask, [b, 0, i, j])     # ("and", ("ge", i - j), ("load", padding, (b, j)))

An element is a number, an integer expression (sympy) over the places asked for and over the dims, or a tuple of an
operation and its operands: "load" is an element of a value that is not known any further. "ge" and "eq" compare an
expression with 0.
"""

import sympy
import torch

from ..ops._schema import evaluate, names
from ..pointwise._graph import COMPARE, Node, read


class _Unknown(Exception):
    pass


class Elements:
    """Elements of the values that `steps` make. `numbers`: values of which each element is a certain number."""

    def __init__(self, steps, numbers=None):
        self._made = {output: step for step in steps for output in step.outputs}
        self._numbers = numbers or {}
        self._dims, self._sizes, self._known, self._programs = {}, {}, {}, {}

    def index(self, name, size):
        """A place in a dim of this size: 0 <= index < size."""
        size = self.size(size)
        symbol = sympy.Symbol(f"{name}<{size}", integer=True, nonnegative=True)  # one of another size is another one
        self._sizes[symbol] = size
        return symbol

    def size(self, text):
        """A size of the plan as an expression."""
        if not isinstance(text, str):
            return sympy.sympify(text)
        for name in names(text):
            self._dims.setdefault(name, sympy.Symbol(name, integer=True, positive=True))
        return sympy.expand(evaluate(text, self._dims))

    def at(self, value, index):
        """The element of `value` at `index`, an expression for each dim."""
        index = tuple(sympy.expand(sympy.sympify(i)) for i in index)
        if (value, index) not in self._known:
            try:
                found = self._find(value, index)
            except _Unknown:
                found = ("load", value, index)
            self._known[value, index] = found
        return self._known[value, index]

    def never_negative(self, e):
        """Whether e >= 0 wherever its places stand and whatever the dims are, from 1 on."""
        e = sympy.expand(e)
        for place in sorted(e.free_symbols & set(self._sizes), key=str):
            slope = sympy.expand(e.coeff(place))
            if sympy.expand(e - slope * place).has(place):
                return False
            if self.never_negative(slope):
                e = e.subs(place, 0)
            elif self.never_negative(-slope):
                e = e.subs(place, self._sizes[place] - 1)
            else:
                return False
        dims = sorted(e.free_symbols, key=str)
        if any(d not in self._dims.values() for d in dims) or not e.is_polynomial(*dims):
            return False
        moved = sympy.expand(e.subs({d: d + 1 for d in dims}, simultaneous=True))
        return all(c >= 0 for c in moved.as_coefficients_dict().values())

    def source(self, step, index):
        """Where the input of a view has what its output has at `index`; None where that is not known."""
        try:
            return [sympy.expand(sympy.sympify(place)) for place in getattr(self, "_" + step.name)(step, index)]
        except _Unknown:
            return None

    def _find(self, value, index):
        if value in self._numbers:
            return self._numbers[value]
        if value.constant:
            return _constant(value.tensor)
        step = self._made.get(value)
        if step is None:
            raise _Unknown
        if step.view:
            return self.at(step.inputs[0], getattr(self, "_" + step.name)(step, index))
        if step.name == "pointwise":
            return self._pointwise(step, index, step.outputs.index(value))
        if step.name == "copy":
            return self.at(step.inputs[0], index)
        if step.name in ("embedding", "gather"):
            return self._looked_up(step, index)
        if step.name == "cumsum" and not step.attrs["reverse"]:
            each = self.at(step.inputs[0], index)
            if isinstance(each, (int, sympy.Integer)):  # a running sum of equal numbers
                return sympy.expand(each * (index[-1] + 1))
        raise _Unknown

    def _looked_up(self, step, index):
        table, ids = step.inputs
        inner = index[:-1] if step.name == "embedding" else index
        row = self.at(ids, inner)
        if not _whole(row):
            raise _Unknown
        return self.at(table, [row, index[-1]] if step.name == "embedding" else [*index[:-1], row])

    def _permute(self, step, index):
        back = [0] * len(index)
        for at, dim in enumerate(step.attrs["dims"]):
            back[dim] = index[at]
        return back

    def _broadcast(self, step, index):
        shape = step.inputs[0].shape
        index = index[len(index) - len(shape) :]
        return [0 if size == 1 else i for i, size in zip(index, shape)]

    def _slice(self, step, index):
        index, dim = list(index), step.attrs["dim"]
        index[dim] = self.size(step.attrs["start"]) + index[dim] * self.size(step.attrs.get("step", 1))
        return index

    def _reshape(self, step, index):
        """Dims pair up in groups of as many elements; within one, places count in memory's order."""
        new, old = ([self.size(s) for s in v.shape] for v in (step.outputs[0], step.inputs[0]))
        back, i, j = [], 0, 0
        while j < len(old):
            first_new, first_old = i, j
            mine, j = old[j], j + 1
            theirs = sympy.Integer(1)
            while mine != theirs or i == first_new < len(new):
                if i > first_new and j < len(old) and _divides(mine, theirs):
                    mine, j = sympy.expand(mine * old[j]), j + 1
                elif i < len(new):
                    theirs, i = sympy.expand(theirs * new[i]), i + 1
                else:
                    raise _Unknown
            back += self._split(_joined(index[first_new:i], new[first_new:i]), old[first_old:j])
        return back

    def _split(self, e, sizes):
        """The place e of a merged dim as places in its parts."""
        places = []
        for size in reversed(sizes[1:]):
            terms = sympy.Add.make_args(sympy.expand(e))
            whole = [t for t in terms if sympy.fraction(sympy.cancel(t / size))[1] == 1]
            rest = sympy.expand(sum((t for t in terms if t not in whole), sympy.Integer(0)))
            if self.never_negative(rest) and self.never_negative(size - 1 - rest):
                places.append(rest)
                e = sympy.expand(sum((sympy.cancel(t / size) for t in whole), sympy.Integer(0)))
            else:
                places.append(sympy.Mod(e, size))
                e = sympy.floor(e / size)
        return [e, *reversed(places)]

    def _pointwise(self, step, index, at):
        text = step.attrs["program"]
        if text not in self._programs:
            self._programs[text] = read(text)[1]
        operands = [self.at(v, self._aligned(v, index)) for v in step.inputs[0]]
        return self._node(self._programs[text][at], operands, {})

    @staticmethod
    def _aligned(value, index):
        index = index[len(index) - value.rank :]
        return [0 if size == 1 else i for i, size in zip(index, value.shape)]

    def _node(self, node, operands, known):
        if not isinstance(node, Node):
            return node
        if id(node) not in known:
            if node.op == "input":
                known[id(node)] = operands[node.args[0]]
            else:
                args = [self._node(a, operands, known) for a in node.args]
                known[id(node)] = self._apply(node.op, args, node.dtype)
        return known[id(node)]

    def _apply(self, op, args, dtype):
        if op == "cast":
            return _cast(args[0], dtype)
        if all(_whole(a) for a in args):
            if op in COMPARE:
                return self._compare(op, *args)
            if op in _ARITHMETIC:
                return sympy.expand(_ARITHMETIC[op](*args))
        if op in ("ne", "eq") and args[1] == 0 and isinstance(args[0], tuple):
            return _logic("not" if op == "eq" else "same", [("nonzero", args[0])])
        return _logic(op, args)

    def _compare(self, op, a, b):
        if op in ("eq", "ne"):
            e = sympy.expand(a - b)
            found = bool(e == 0) if e.is_Integer else ("eq", e)
            return _logic("not", [found]) if op == "ne" else found
        if op in ("lt", "gt"):
            e = b - a - 1 if op == "lt" else a - b - 1
        else:
            e = b - a if op == "le" else a - b
        return self._at_least_zero(sympy.expand(e))

    def _at_least_zero(self, e):
        for part in e.atoms(sympy.Abs):
            if e.coeff(part) == -1:  # |x| <= n: both signs
                rest = sympy.expand(e + part)
                return _logic("and", [self._at_least_zero(sympy.expand(rest + s * part.args[0])) for s in (1, -1)])
        if self.never_negative(e):
            return True
        return False if self.never_negative(-e - 1) else ("ge", e)


def _constant(tensor):
    """The number that all elements of a constant are."""
    if tensor.numel() == 0 or not bool((tensor == tensor.flatten()[0]).all()):
        raise _Unknown
    return tensor.flatten()[0].item()


def _whole(term):
    return isinstance(term, (int, sympy.Expr)) and not isinstance(term, bool)


def _divides(a, b):
    return sympy.fraction(sympy.cancel(b / a))[1] == 1


def _joined(places, sizes):
    e = sympy.Integer(0)
    for place, size in zip(places, sizes):
        e = e * size + place
    return sympy.expand(e)


_ARITHMETIC = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "neg": lambda a: -a, "abs": lambda a: sympy.Abs(a),
}  # fmt: skip


def is_bool(term):
    """Whether a term is true or false."""
    if isinstance(term, tuple):
        return term[0] in _TRUTHS or (term[0] == "load" and term[1].dtype == torch.bool)
    return isinstance(term, bool)


_TRUTHS = {"and", "or", "xor", "not", "nonzero"} | COMPARE


def _cast(term, dtype):
    if dtype == torch.bool and not is_bool(term):
        return bool(term != 0) if _number(term) else ("nonzero", term)
    if dtype == torch.bool:
        return term
    if is_bool(term):
        return ("number", term) if isinstance(term, tuple) else (float if dtype.is_floating_point else int)(term)
    if not dtype.is_floating_point:
        return term if _whole(term) else ("whole", term)
    return float(term) if _number(term) else ("number", term)


def _number(term):
    return isinstance(term, (int, float, sympy.Integer))


def _logic(op, args):
    """An operation on what is not all known, made simpler where one operand decides."""
    if op == "same":
        return args[0]
    if op in ("and", "or"):
        decides = op == "or"
        if any(a is decides for a in args):
            return decides
        args = [a for a in args if a is not (not decides)]
        return not decides if not args else args[0] if len(args) == 1 else (op, *args)
    if op == "not" and isinstance(args[0], bool):
        return not args[0]
    if op == "select" and isinstance(args[0], bool):
        return args[1] if args[0] else args[2]
    return (op, *args)
