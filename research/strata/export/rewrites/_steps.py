"""The steps of a plan while a rule works on them: who makes a value, who reads it, and steps that replace others.

    steps = Steps(given, outputs)
    for step in given:
        reader = steps.only_reader(step.outputs[0])
        ...
        steps.replace(reader, [fused], gone=[step])
    return steps.list()

A value keeps its meaning: a rule that computes something else makes another value.
"""

from ...ops import definition
from .._plan import Step, Value, live


class Steps:
    """Steps in order, dead ones left out. `outputs` are the values that the plan gives."""

    def __init__(self, steps, outputs):
        self._steps, self.outputs = live(steps, outputs), set(outputs)
        self._new, self._gone = {}, set()
        self._maker, self._readers = {}, {}
        for step in self._steps:
            self._enter(step)

    def __iter__(self):
        """The steps that were there at the start and still are."""
        return (step for step in self._steps if step not in self._gone)

    def _enter(self, step):
        for value in step.outputs:
            self._maker[value] = step
        for value in dict.fromkeys(step.values()):
            self._readers.setdefault(value, []).append(step)

    def _leave(self, step):
        self._gone.add(step)
        for value in dict.fromkeys(step.values()):
            self._readers[value].remove(step)

    def maker(self, value, *names):
        """The operator step that makes the value, if it is one of these operators (any without names); else None."""
        step = self._maker.get(value)
        return step if step is not None and not step.view and (not names or step.name in names) else None

    def view_of(self, value, *names):
        """The view step that makes the value, if it is one of these kinds (any without names); else None."""
        step = self._maker.get(value)
        return step if step is not None and step.view and (not names or step.name in names) else None

    def readers(self, value):
        """The steps that read a value, in no order; that outputs read it, too, is not in it."""
        return list(self._readers.get(value, ()))

    def only_reader(self, value):
        """The one step that reads the value; None if there are several, or if it is an output."""
        readers = self._readers.get(value, ())
        return readers[0] if len(readers) == 1 and value not in self.outputs else None

    def replace(self, at, new, gone=()):
        """`new` steps take the place of `at`; the steps `gone` leave, too."""
        for step in (at, *gone):
            self._leave(step)
        self._new[at] = list(new)
        for step in new:
            self._enter(step)

    def redirect(self, value, other):
        """Whoever reads `value` reads `other`, which has the same contents. The value is no output."""
        for reader in self.readers(value):
            reader.inputs = [_swapped(i, value, other) for i in reader.inputs]
            self._readers[value].remove(reader)
            if reader not in self._readers.setdefault(other, []):
                self._readers[other].append(reader)

    def list(self):
        """The steps now."""
        made = []
        for step in self._steps:
            self._place(step, made)
        return live(made, self.outputs)

    def _place(self, step, made):
        if step not in self._gone:
            made.append(step)
        for new in self._new.get(step, ()):
            self._place(new, made)


    def source(self, value, step, *names):
        """(the operator step of these names whose result `step` reads as `value`, the reshape between them or None);
        nobody else reads either. (None, None) where it is not so."""
        if self.only_reader(value) is not step:
            return None, None
        reshape = self.view_of(value, "reshape")
        made = reshape.inputs[0] if reshape else value
        if reshape and self.only_reader(made) is not reshape:
            return None, None
        found = self.maker(made, *names)
        return (found, reshape) if found and found.outputs[0] is made else (None, None)


def reshaped(value, like, why):
    """(a value in another's shape, the step that makes it)."""
    made = Value(f"{value.name}.{why}", value.dtype, list(like.shape))
    return made, Step("reshape", [value], {}, [made], view=True)


def _swapped(given, value, other):
    if isinstance(given, (list, tuple)):
        return [other if v is value else v for v in given]
    return other if given is value else given


def same_kind(a, b):
    """Whether two values have one dtype and one shape."""
    return a.dtype == b.dtype and a.shape == b.shape


def instruction(step):
    """(operation, [operands]) of a pointwise step of a single instruction, with the Values that it reads and literals
    as text; the operators `add`, `gelu`, ... of their own count, too. None for any other step."""
    if step is None or step.view:
        return None
    if step.name == "add":
        return ("add", list(step.inputs)) if same_kind(*step.inputs) else None
    if step.name != "pointwise" or len(step.outputs) != 1:
        return None
    _, code, _ = definition("pointwise").statements(step.attrs["program"])
    if len(code) != 1:
        return None
    operation, operands = code[0]
    known = {f"x{i}": value for i, value in enumerate(step.inputs[0])}
    return operation, [known.get(o, o) for o in operands]


def binary(step, operation):
    """The two Values of a step that is one addition or product of tensors alike; None for any other step."""
    found = instruction(step)
    if found is None or found[0] != operation or len(found[1]) != 2:
        return None
    values = found[1]
    alike = all(isinstance(v, Value) and same_kind(v, step.outputs[0]) for v in values)
    return values if alike and values[0] is not values[1] else None


def changed(step, *, inputs=None, attrs=None, outputs=None):
    """A copy of a step with something else in it."""
    return Step(step.name, list(inputs or step.inputs), dict(step.attrs) | (attrs or {}), list(outputs or step.outputs),
                step.view)  # fmt: skip
