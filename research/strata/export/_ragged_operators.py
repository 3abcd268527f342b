"""How operators go over tokens that lie end to end: one method for each that is special, `_row_by_row` for the rest.
The other half of _ragged.py.
"""

import sympy
import torch

from .. import ops
from ._tokens import Refused
from .rewrites.masks import UNKNOWN, run_length, value_of


class Operators:
    """Mixed into the removal of padding, which has `plain`, `there` and `gone` (Tokens), `new` (a PlanBuilder) and
    `masks`, and makes values by `_of`, steps by `_emit`."""

    def _rows_of(self, value):
        """An operand of a step that works token by token."""
        if self.plain.kind(value) == "batch":
            raise Refused("a number of a whole sequence is spread over its tokens")
        return self._of(value)

    def _pointwise(self, step):
        program, output = step.attrs["program"], step.outputs[0]
        if any(f"= {word}(" in program for word in ("uniform", "normal", "random_bits")):
            raise Refused("random numbers")
        frame = self.plain.frame(output)
        for value in step.inputs[0]:
            own = [] if value.constant else self.plain.frame(value)
            if any(label not in (None, frame[at - len(own)]) for at, label in enumerate(own)):
                raise Refused("tokens are compared with each other")
        return self._emit(step, [[self._rows_of(v) for v in step.inputs[0]]])

    def _copy(self, step):
        return self._emit(step, [self._of(step.inputs[0])])

    def _concat(self, step):
        frame = self.plain.frame(step.outputs[0])
        if frame[step.attrs["dim"]] or any(self.plain.frame(v) != frame for v in step.inputs[0] if not v.constant):
            raise Refused("tokens are laid behind others")
        return self._emit(step, [[self._rows_of(v) for v in step.inputs[0]]])

    def _gather(self, step):
        table, ids = step.inputs
        if self.plain.kind(table) != "plain":
            raise Refused("a look-up among tokens")
        return self._emit(step, [self._of(table), self._rows_of(ids)])

    def _row_by_row(self, step):
        """An operator whose leading dims are rows that do not know of each other."""
        schema = ops.schemas[step.name]
        for arg, value in zip([*schema.inputs, *schema.outputs], [*step.inputs, *step.outputs]):
            if value is None or (not isinstance(value, list) and self.plain.kind(value) == "plain"):
                continue
            rows = not isinstance(value, list) and arg.leading and self.plain.kind(value) == "rows"
            if not rows or any(self.plain.frame(value)[value.rank - len(arg.dims) :]):
                raise Refused(f"{step.name} reads across tokens")
        return self._emit(step, [self._rows_of(v) if v is not None else None for v in step.inputs])

    def _rotary(self, step):
        """Tables that hold a row for every token are read at the token's own."""
        x, cos, sin, positions = step.inputs
        if self.plain.kind(cos) == "plain":
            return self._row_by_row(step)
        own = sympy.expand(_integral(self.plain.element(positions)) - self.plain.row) == 0
        if not own or any(self.plain.frame(t) != ["BS", None] for t in (cos, sin)):
            raise Refused("rotary reads the angles of other tokens")
        places = self.new.reshape(self.rows, self._shape(positions))
        return self._emit(step, [self._of(x), self._of(cos), self._of(sin), places])

    def _cumsum(self, step):
        """A running sum of ones counts positions."""
        output = step.outputs[0]
        element = self.there.element(output)
        rest = sympy.expand(_integral(element) - self.plain.s)
        if self.plain.frame(output)[-1] != "S" or not rest.is_Integer:
            raise Refused("a running sum over the tokens")
        counted = self._program(f"int64 x0; v0 = add(x0, {int(rest)}); return v0", [self.positions], torch.int64,
                                [self.tokens])  # fmt: skip
        wide = self.new.broadcast(counted, self._shape(output))
        return [wide if output.dtype == torch.int64 else self._cast(wide, output.dtype)]

    def _cast(self, value, dtype):
        word = str(dtype).removeprefix("torch.")
        source = str(value.dtype).removeprefix("torch.")
        return self._program(f"{source} x0; v0 = {word}(x0); return v0", [value], dtype, value.shape)

    def _attention(self, step):
        q, k, v, ends, ends_k, bias = step.inputs
        runs = [run_length(self.plain.elements, e) for e in (ends, ends_k)]
        if runs != [self.plain.length] * 2 or any(self.plain.frame(x) != ["BS", None, None] for x in (q, k, v)):
            raise Refused("attention that is not of each sequence to itself")
        hiding = [] if bias is None else self._hiding(self.plain, step)
        if hiding is None or any(value not in self.masks for value in hiding):
            raise Refused("attention with a bias that is more than the mask")
        ahead = not step.attrs["causal"] and step.attrs["window_right"] != 0
        if self.masks and ahead and not hiding:
            raise Refused("attention that sees padding")
        return self._emit(step, [*(self._of(x) for x in (q, k, v)), self.ends, self.ends, None])

    def _segment_pool(self, step):
        x, ends = step.inputs
        if run_length(self.plain.elements, ends) != self.plain.length or self.plain.frame(x)[0] != "BS":
            raise Refused("a sum over other runs than the sequences")
        self._needs_zeros(x, step.attrs["mode"])
        return self._emit(step, [self._of(x), self.ends])

    def _needs_zeros(self, x, mode):
        """A sum with padding is one without where padding is 0."""
        if self.masks and mode != "first" and (mode != "sum" or not self._vanishes(x)):
            raise Refused(f"a {mode} over the length that padding is a part of")

    def _vanishes(self, value):
        """Whether a value is 0 for tokens that do not exist."""
        number = value_of(self.gone.element(value), {})
        return number is not UNKNOWN and number == 0

    def _reduce(self, step):
        """The sum of a number over the length: the number of tokens, times it."""
        x, output = step.inputs[0], step.outputs[0]
        if self.plain.dim(x) < x.rank - 1:
            return self._row_by_row(step)
        element = self.there.element(x)
        if step.attrs["operation"] != "sum" or not _number(element) or self.plain.kind(output) != "batch":
            raise Refused(f"a {step.attrs['operation']} over the length in another order than by rows")
        self._needs_zeros(x, "sum")
        sizes = torch.int64, [self.batch]
        after, before = (
            self.new.view("slice", self.ends, self.new.value(sizes), dim=0, start=start) for start in (1, 0)
        )
        word = str(output.dtype).removeprefix("torch.")
        text = f"int64 x0, int64 x1; v0 = sub(x0, x1); v1 = {word}(v0); v2 = mul(v1, {int(element)}); return v2"
        counts = self._program(text, [after, before], output.dtype, [self.batch])
        shape = [self.batch, *[1] * (output.rank - 1)]
        return [self.new.broadcast(self.new.reshape(counts, shape), output.shape)]


def is_integer(term):
    return isinstance(term, sympy.Integer)


def _number(term):
    return is_integer(term) or (isinstance(term, (int, float)) and float(term).is_integer())


def _integral(term):
    """A term as an expression; one that is none is like no other."""
    return term if isinstance(term, (int, sympy.Expr)) else sympy.Symbol("unlike")
