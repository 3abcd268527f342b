"""A mask made of positions becomes attention's own: `causal`, `window_left`, `window_right`. What is left is
padding, and becomes one bias for all layers.

A mask reaches attention as a bias of 0 and -inf for each query and key, made by comparing counted positions. It is read
element by element (_elements.py), and only what is proved is taken: a key is hidden wherever the position says so, for
every batch and length.

The answer stays: a key behind -inf has weight 0 and adds 0 to sums that it is a part of; attention leaves such keys
out, in the same order of sums (docs/attention.md). Nothing but a NaN or an infinity in a hidden key can show in the
one and not in the other.
"""

import itertools
import math

import sympy
import torch

from .._elements import Elements, is_bool
from .._plan import Step, live

_MOST_ATOMS = 8
UNKNOWN = object()  # a finite number


def apply(steps, outputs, build):
    rewriting, made = _Rewriting(steps, build), []
    for step in steps:
        made += rewriting.attention(step) if step.name == "attention" and not step.view else [step]
    return live(made, outputs)


class _Rewriting:
    def __init__(self, steps, build):
        self.elements, self.build, self.paddings = Elements(steps), build, {}

    def attention(self, step):
        """The steps that stand for an attention."""
        q, _, _, ends, ends_k, bias = step.inputs
        if bias is None:
            return [step]
        length = run_length(self.elements, ends)
        if length is None or ends_k is not ends or self.elements.size(bias.shape[2]) != length:
            return [step]
        b, i, h, j = self._places(bias, length)
        hidden = Hidden(self.elements.at(bias, [b * length + i, h, j]), bias.dtype)
        bands = [_band(atom, truth, i, j) for atom, truth in hidden.needed]
        _narrow(step.attrs, [band for band in bands if band])
        rest = [needed for needed, band in zip(hidden.needed, bands) if not band]
        if not hidden.exact:
            return [step]
        if not rest:
            step.inputs = [*step.inputs[:5], None]
            return [step]
        sources = [(padding(atom, b, j), truth) for atom, truth in rest]
        if any(value is None for value, _ in sources):
            return [step]
        more, step.inputs[5] = self._bias(sources, bias)
        return [*more, step]

    def _places(self, bias, length):
        rows = self.elements.size(bias.shape[0])
        batch = sympy.cancel(rows / length)
        e = self.elements
        head = 0 if bias.shape[1] == 1 else e.index("h", bias.shape[1])
        return e.index("b", batch), e.index("i", length), head, e.index("j", bias.shape[2])

    def _bias(self, sources, like):
        """(steps, a bias that hides the keys of which not all sources [B, S] are as wanted)."""
        key = (tuple(sources), like.dtype)
        if key in self.paddings:
            return [], self.paddings[key]
        batch, keys = sources[0][0].shape
        shapes = [batch, keys], [batch, 1, 1, keys], [batch, keys, 1, keys], [like.shape[0], 1, keys]
        made = [self.build.value((like.dtype, shape)) for shape in shapes]
        program = _program(sources, like.dtype)
        steps = [Step("pointwise", [[value for value, _ in sources]], {"program": program}, made[:1])]
        for view, before, after in zip(("reshape", "broadcast", "reshape"), made, made[1:]):
            steps.append(Step(view, [before], {}, [after], view=True))
        self.paddings[key] = made[-1]
        return steps, made[-1]


def _program(sources, dtype):
    """0 where all sources are as wanted, else -inf."""
    word = lambda d: str(d).removeprefix("torch.")  # noqa: E731
    lines, truths = [], []

    def add(text):
        lines.append(text)
        return f"v{len(lines) - 1}"

    for n, (value, truth) in enumerate(sources):
        seen = f"x{n}" if value.dtype == torch.bool else add(f"bool(x{n})")
        truths.append(seen if truth else add(f"not({seen})"))
    seen = truths[0]
    for other in truths[1:]:
        seen = add(f"and({seen}, {other})")
    nothing = add(f"sub({add(f'{word(dtype)}({seen})')}, 1)")
    result = add(f"select({seen}, {nothing}, -inf)")
    inputs = ", ".join(f"{word(value.dtype)} x{n}" for n, (value, _) in enumerate(sources))
    return "; ".join([inputs, *(f"v{n} = {line}" for n, line in enumerate(lines)), f"return {result}"])


def run_length(elements, ends):
    """n where the offsets are 0, n, 2 n, ...; else None."""
    place = elements.index("run", ends.shape[0])
    found = elements.at(ends, [place])
    if not isinstance(found, sympy.Expr):
        return None
    length = sympy.cancel(found / place)
    return None if length.has(place) or length == 0 else sympy.expand(length)


class Hidden:
    """What an element of a bias hides. `needed`: [(condition, True or False)], and where one of them is otherwise the
    key is hidden; `exact`: the element is 0 wherever all of them are so."""

    def __init__(self, term, dtype):
        atoms = sorted(set(_atoms(term)), key=str)
        self.needed, self.exact = [], False
        if len(atoms) > _MOST_ATOMS:
            return
        least = torch.finfo(dtype).min
        cases = []
        for truths in itertools.product((False, True), repeat=len(atoms)):
            given = dict(zip(atoms, truths))
            cases.append((given, value_of(term, given)))
        hides = lambda number: number is not UNKNOWN and number <= least  # noqa: E731
        self.needed = [(a, t) for a in atoms for t in (True, False)
                       if all(hides(v) for given, v in cases if given[a] != t)]  # fmt: skip
        seen = [v for given, v in cases if all(given[a] == t for a, t in self.needed)]
        self.exact = all(v is not UNKNOWN and v == 0 for v in seen)


def _atoms(term):
    """The conditions that a term depends on."""
    if is_bool(term) and isinstance(term, tuple) and term[0] not in ("and", "or", "xor", "not"):
        yield term
    elif isinstance(term, tuple) and term[0] != "load":
        for part in term[1:]:
            yield from _atoms(part)


def value_of(term, given):
    """A term where its conditions are `given`: a number, a bool or UNKNOWN."""
    if isinstance(term, (bool, int, float)):
        return term
    if not isinstance(term, tuple):
        return int(term) if term.is_Integer else UNKNOWN
    if term in given:
        return given[term]
    if term[0] == "load":
        return UNKNOWN
    args = [value_of(part, given) for part in term[1:]]
    if term[0] == "select" and args[0] is not UNKNOWN:
        return args[1] if args[0] else args[2]
    if term[0] == "mul" and 0 in args:
        return 0
    if term[0] == "add" and UNKNOWN in args:
        known = [a for a in args if a is not UNKNOWN]
        return known[0] if known and known[0] == -math.inf else UNKNOWN
    return UNKNOWN if UNKNOWN in args or term[0] not in _NUMBERS else _NUMBERS[term[0]](*args)


_NUMBERS = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "neg": lambda a: -a,
    "number": float, "whole": int, "min": min, "max": max, "and": lambda a, b: a and b, "or": lambda a, b: a or b,
    "xor": lambda a, b: a != b, "not": lambda a: not a,
}  # fmt: skip


def _band(atom, truth, i, j):
    """("left", n) for j >= i - n, ("right", n) for j <= i + n, with n >= 0; else None."""
    if atom[0] != "ge":
        return None
    e = atom[1] if truth else -atom[1] - 1
    for side, free in (("left", e - j + i), ("right", e - i + j)):
        free = sympy.expand(free)
        if free.is_Integer and free >= 0:
            return side, int(free)
    return None


def _narrow(attrs, bands):
    """Adds bands to what an attention lets its queries see."""
    for side, n in bands:
        if side == "right" and n == 0:
            attrs["causal"] = True
        else:
            old = attrs["window_" + side]
            attrs["window_" + side] = n if old < 0 else min(old, n)


def padding(atom, b, j):
    """The value [B, S] whose element for the key decides, or None."""
    load = atom[1] if atom[0] == "nonzero" else atom
    if load[0] != "load" or load[2] != (b, j) or load[1].dtype not in (torch.bool, torch.int32, torch.int64):
        return None
    return load[1]
