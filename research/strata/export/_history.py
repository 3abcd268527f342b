"""What each rewrite did to a plan, in text that a person can read.

    history = History()
    lower(..., see=history.see)
    print(history)
"""

import re

from .. import ops

_LONGEST = 110  # characters of a program that are shown
_MOST = 6  # kinds of change that are shown for a rule


class History:
    """Every rule's steps before and after."""

    def __init__(self):
        self.rules = []  # (name, steps before, steps after, steps that went, steps that came)
        self._last = None

    def see(self, name, steps):
        """Told the steps at the start and after each rule; rules change steps in place, so it keeps text."""
        now = [_Line(step) for step in steps]
        if self._last is not None:
            old, new = ({line.key for line in lines} for lines in (self._last, now))
            gone = [line for line in self._last if line.key not in new]
            made = [line for line in now if line.key not in old]
            self.rules.append((name, len(self._last), len(now), gone, made))
        self._last = now

    def counts(self):
        """[(rule, steps before, steps after)]."""
        return [rule[:3] for rule in self.rules]

    def __str__(self):
        if not self.rules:
            return "no rewrite was on"
        text = [f"{self.rules[0][1]} steps as lowered"]
        for name, before, after, gone, made in self.rules:
            kinds = _kinds(gone, made)
            text.append(f"{name}: {before} -> {after} steps" if kinds else f"{name}: nothing to do")
            for lines, count in kinds[:_MOST]:
                text += [f"  {f'{count} x' if at == 0 else '':>5} {line}" for at, line in enumerate(lines)]
            if len(kinds) > _MOST:
                text.append(f"        and {len(kinds) - _MOST} other kinds of change")
        return "\n".join([*text, f"{self.rules[-1][2]} steps"])


class _Line:
    """A step as text with its values' names left open."""

    def __init__(self, step):
        self.name, self.view = step.name, step.view
        self.outputs, self.reads = [o.name for o in step.outputs], [v.name for v in step.values() if not v.constant]
        self.inputs = [_given(i) for i in step.inputs]
        usual = {} if step.view else {a.name: a.decode(a.default) for a in ops.schemas[step.name].attrs}
        self.attrs = {k: v for k, v in step.attrs.items() if k not in usual or v != usual[k]}
        self.shape = "[" + ", ".join(map(str, step.outputs[0].shape)) + "]"
        self.key = (self.name, repr(self.inputs), repr(self.attrs), tuple(self.outputs), self.shape)

    def text(self, names):
        """With run-time values called as `names` has them, and numbers of layers left out."""

        def called(given):
            if isinstance(given, list):
                return "[" + ", ".join(map(called, given)) + "]"
            if given is None or given.startswith("$"):
                return "-" if given is None else _weight(given[1:])
            return names(given)

        inputs = list(self.inputs)
        while inputs and inputs[-1] is None:
            inputs.pop()
        given = [*map(called, inputs), *(f"{k}={_short(v)}" for k, v in self.attrs.items())]
        kind = f"({self.name})" if self.view else self.name
        return f"{', '.join(map(names, self.outputs))} {self.shape} = {kind} {', '.join(given)}"


def _given(value):
    if isinstance(value, (list, tuple)):
        return [_given(v) for v in value]
    return value and ("$" + value.name if value.constant else value.name)


def _weight(name):
    """The end of a weight's name, with the number of its layer left out."""
    name = re.sub(r"\d+", "#", name)
    return name if len(name) <= 40 else "..." + name[-37:]


def _short(value):
    text = str(value)
    if "; " in text:  # a program: what it reads is told by its inputs
        text = "{" + "; ".join(text.split("; ")[1:-1]) + "}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _kinds(gone, made):
    """[(lines, how often)] of the changes that belong together, the most frequent first."""
    count = {}
    for group in _groups(gone, made):
        known = {}

        def names(value, known=known):
            return known.setdefault(value, f"{'abcdefghijklmnopqrstuvwxyz'[len(known) % 26]}")

        lines = tuple(f"{sign} {line.text(names)}" for sign, line in group)
        count[lines] = count.get(lines, 0) + 1
    return sorted(count.items(), key=lambda item: -item[1])


def _groups(gone, made):
    """Lists of ("-" or "+", line): steps that make the same value, or that read one that only these steps know."""
    lines = [("-", line) for line in gone] + [("+", line) for line in made]
    old, new = ({value for line in side for value in line.outputs} for side in (gone, made))
    above = {}

    def root(value):
        while above.setdefault(value, value) != value:
            value = above[value]
        return value

    for _, line in lines:
        for value in [*line.outputs[1:], *(v for v in line.reads if (v in old) != (v in new))]:
            above[root(value)] = root(line.outputs[0])
    groups = {}
    for entry in lines:
        groups.setdefault(root(entry[1].outputs[0]), []).append(entry)
    return list(groups.values())
