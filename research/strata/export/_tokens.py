"""Which dims of a value are the batch, the tokens, or both as one: what stays of them when tokens lie end to end.

A dense plan over [B, S] is a plan over N tokens once B is 1 and S is N, for everything that is computed token by token.
A value's frame says which of its dims these are: "B", "S", "BS" for B * S rows, None for any other.
"""

import sympy

from ._elements import Elements


class Refused(Exception):
    """Padding cannot be removed; the text says why, in a few words. `has_mask`: although an input is a mask."""

    has_mask = False


class Tokens:
    """Frames of the values of a plan whose inputs have the dims `batch` and `length`.

    Elements of it are asked for at batch b and token s; those of `known` inputs are numbers.
    """

    def __init__(self, build, batch, length, known=None):
        self.elements = Elements(build.steps, known)
        size = self.elements.size
        self._labels = {size(batch): "B", size(length): "S", sympy.expand(size(batch) * size(length)): "BS"}
        self.length = size(length)
        self.b, self.s = self.elements.index("b", batch), self.elements.index("s", length)
        self._frames = {}

    def frame(self, value):
        """A label for each dim. Raises Refused for a size that is none of them, or for the same dim twice."""
        if value not in self._frames:
            labels = [self._label(value, size) for size in value.shape]
            used = [letter for label in labels if label for letter in label]
            if len(used) != len(set(used)):
                raise Refused(f"{value.name} has shape {value.shape}: a number for every two tokens")
            self._frames[value] = labels
        return self._frames[value]

    def _label(self, value, text):
        size = self.elements.size(text)
        if size.is_Integer:
            return None
        if size not in self._labels:
            raise Refused(f"{value.name} has shape {value.shape}, which mixes the length with other sizes")
        return self._labels[size]

    def kind(self, value):
        """"rows" (something for every token), "batch" (for every sequence) or "plain"."""
        labels = [] if value.constant else self.frame(value)
        return "rows" if "S" in labels or "BS" in labels else "batch" if "B" in labels else "plain"

    def dim(self, value):
        """The dim along which the tokens lie."""
        return next(at for at, label in enumerate(self.frame(value)) if label in ("S", "BS"))

    def shape(self, value, tokens):
        """The shape with `tokens` end to end."""
        if self.kind(value) != "rows":
            return list(value.shape)
        change = {"B": 1, "S": tokens, "BS": tokens}
        return [change.get(label, size) for label, size in zip(self.frame(value), value.shape)]

    def index(self, value):
        """The place of token s of sequence b in a value, a symbol for every other dim."""
        places = {"B": self.b, "S": self.s, "BS": self.row}
        index = []
        for at, (label, size) in enumerate(zip(self.frame(value), value.shape)):
            index.append(places[label] if label else 0 if size == 1 else self.elements.index(f"d{at}", size))
        return index

    @property
    def row(self):
        """Where token s of sequence b lies among all rows of the dense batch."""
        return self.b * self.length + self.s

    def element(self, value):
        return self.elements.at(value, self.index(value))

    def same_token(self, step):
        """Whether a view shows every token what was its own."""
        source = self.elements.source(step, self.index(step.outputs[0]))
        if source is None:
            return False
        places = {"B": self.b, "S": self.s, "BS": self.row}
        for label, place in zip(self.frame(step.inputs[0]), source):
            if label and sympy.expand(place - places[label]) != 0:
                return False
            if not label and place.free_symbols & {self.b, self.s}:
                return False
        return True
