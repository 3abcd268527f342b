"""What a plan's picture shows: boxes and lines between them. Views are no boxes: a line says what its reader sees.
Layers that repeat are drawn once, and arithmetic on positions and masks is one box.

    picture = Picture(entry, stored)      # plan.json's entry point; {weight: (dtype, shape, bytes)}
"""

import collections
import dataclasses
import re

_FAMILIES = {
    "product": "linear matmul linear_int8 linear_int4 linear_half linear_cross_entropy grouped_linear",
    "attention": "attention paged_attention append_kv rotary",
    "image": "convolution pool resize grid_sample",
    "norm": "layer_norm rms_norm group_norm batch_norm add_layer_norm add_rms_norm add_group_norm l2_normalize",
    "pointwise": "pointwise add gelu",
    "reduction": "reduce reduce_outer softmax log_softmax argmax cumsum top_k sort segment_pool sample",
    "recurrent": "lstm gru",
}
_FAMILY = {op: family for family, ops in _FAMILIES.items() for op in ops.split()}
_MATRICES = ("product", "attention", "image", "norm", "recurrent")
_BYTES = {"bool": 1, "uint8": 1, "int8": 1, "bfloat16": 2, "float16": 2, "int32": 4, "float32": 4}
_LEAST_PERIOD, _LEAST_FOLDED = 2, 4


def family(op):
    """The family that an operator's colour tells; "memory" for those that move elements."""
    return _FAMILY.get(op, "memory")


def item_bytes(dtype):
    return _BYTES.get(dtype, 8)


@dataclasses.dataclass(eq=False)
class Box:
    """A step of the plan, several of them, an input, or an output."""

    title: str
    family: str
    steps: list = dataclasses.field(default_factory=list)  # their numbers
    detail: str = ""
    weights: list = dataclasses.field(default_factory=list)  # (name, shape, bytes)
    shape: str = ""  # of what it makes
    tip: str = ""


@dataclasses.dataclass(eq=False)
class Group:
    """Boxes that repeat: the first time is drawn."""

    boxes: list
    times: int


@dataclasses.dataclass
class Line:
    source: Box
    target: Box
    shape: str  # as the reader sees it; "" if it is as it was made
    views: str


def dims(shape):
    return " × ".join(map(str, shape)) if shape else "1 number"


class Picture:
    """boxes (in order), lines, and groups of one entry point."""

    def __init__(self, entry, stored):
        self.entry, self.stored = entry, stored
        self.boxes, self.lines, self.groups = [], [], []
        self._made = {}  # value -> (Box, "" or its shape where views changed it, the views)
        self._weights = {}  # a view of a weight -> "$weight"
        self._draw()
        self._fold()
        self._repeat()

    def _add(self, box):
        self.boxes.append(box)
        return box

    def _draw(self):
        for spec in self.entry["inputs"]:
            box = self._add(Box(spec["name"], "input", detail=spec["dtype"], shape=dims(spec["shape"])))
            self._made[spec["name"]] = (box, "", [])
        for at, step in enumerate(self.entry["steps"]):
            self._view(step) if "view" in step else self._op(at, step)
        for output in self.entry["outputs"]:
            box = self._add(Box(output["name"], "output"))
            self._connect(output["value"], box)

    def _view(self, step):
        source, output = step["inputs"][0], step["outputs"][0]
        if source in self._made:
            box, _, views = self._made[source]
            self._made[output["name"]] = (box, dims(output["shape"]), [*views, step["view"]])
        elif source.startswith("$") or source in self._weights:
            self._weights[output["name"]] = self._weights.get(source, source)

    def _op(self, at, step):
        name = step["op"]
        box = self._add(Box(name, family(name), [at], tip=_tip(step)))
        for given in _flat(step["inputs"]):
            given = self._weights.get(given, given)
            if given.startswith("$"):
                if given[1:] in self.stored:
                    _, shape, size = self.stored[given[1:]]
                    box.weights.append((given[1:], shape, size))
            else:
                self._connect(given, box)
        box.shape = dims(step["outputs"][0]["shape"])
        box.title, box.detail = _title(step, box.weights)
        for output in step["outputs"]:
            self._made[output["name"]] = (box, "" if output is step["outputs"][0] else dims(output["shape"]), [])

    def _connect(self, value, box):
        if value in self._made:
            source, shape, views = self._made[value]
            self.lines.append(Line(source, box, shape, ", ".join(views)))

    def _fold(self):
        """Steps that no weight matrix and no float input reaches become one box."""
        bad = {b for b in self.boxes if b.family in _MATRICES or b.family == "output" or
               b.family == "input" and b.detail.startswith(("float", "bfloat"))}  # fmt: skip
        for box in self.boxes:
            step = self.entry["steps"][box.steps[0]] if box.steps else None
            floats = step and any(o["dtype"].startswith(("float", "bfloat")) for o in step["outputs"])
            if floats and any(len(shape) > 1 and "folded" not in name for name, shape, _ in box.weights):
                bad.add(box)
            if any(line.source in bad for line in self.lines if line.target is box):
                bad.add(box)
        inside = {box for box in self.boxes if box not in bad and box.steps}
        if len(inside) < _LEAST_FOLDED:
            return
        steps = sorted(at for box in inside for at in box.steps)
        kinds = collections.Counter(self.entry["steps"][at]["op"] for at in steps)
        whole = Box("positions and masks", "folded", steps, f"{len(steps)} steps",
                    tip=", ".join(f"{n} {op}" for op, n in kinds.most_common()))  # fmt: skip
        self._merge(inside, whole)

    def _merge(self, inside, whole):
        first = next(at for at, box in enumerate(self.boxes) if box.family != "input")
        self.boxes = [box for box in self.boxes if box not in inside]
        self.boxes.insert(first, whole)
        known, lines = set(), []
        for line in self.lines:
            a, b = (whole if box in inside else box for box in (line.source, line.target))
            if a is b or (whole in (a, b) and (a, b) in known):
                continue
            known.add((a, b))
            shape = line.shape or (line.source.shape if a is whole else "")
            lines.append(Line(a, b, shape, line.views))
        self.lines = lines

    def _signature(self, box):
        step = self.entry["steps"][box.steps[0]] if len(box.steps) == 1 else None
        if step is None:
            return box  # like no other
        attrs = tuple(sorted((k, str(v)) for k, v in step.get("attrs", {}).items()))
        shapes = tuple(str(o["shape"]) for o in step["outputs"])
        return step["op"], attrs, shapes, tuple(str(shape) for _, shape, _ in box.weights)

    def _repeat(self):
        """Runs of boxes that come again and again, the longest first."""
        marks = [self._signature(box) for box in self.boxes]
        open_parts = [(0, len(marks))]
        while open_parts:
            start, end = open_parts.pop()
            found = _best_run(marks, start, end)
            if found is None:
                continue
            at, period, times = found
            parts = [self.boxes[at + n * period : at + (n + 1) * period] for n in range(times)]
            if not self._alike(parts):  # the first time reads other things, perhaps
                parts, at, times = parts[1:], at + period, times - 1
            if times > 1 and self._alike(parts):
                self.groups.append((parts, Group(parts[0], times)))
                open_parts += [(start, at), (at + period * times, end)]
        for parts, _ in self.groups:
            self._once(parts)
        self.groups = [group for _, group in self.groups]

    def _inner(self, part):
        place = {box: at for at, box in enumerate(part)}
        return {(place[x.source], place[x.target], x.views) for x in self.lines if {x.source, x.target} <= place.keys()}

    def _alike(self, parts):
        first = self._inner(parts[0])
        return all(self._inner(part) == first for part in parts[1:])

    def _once(self, parts):
        """The first time stands for all; what leaves the last time leaves it."""
        stand = {box: own for part in parts[1:] for box, own in zip(part, parts[0])}
        kept, known = [], set()
        for line in self.lines:
            a, b = stand.get(line.source, line.source), stand.get(line.target, line.target)
            inner = line.source in parts[0] and line.target in parts[0]
            if not inner and a in parts[0] and b in parts[0]:
                continue  # from one time to the next, or within a later one
            if (a, b, line.shape) not in known or inner:
                kept.append(Line(a, b, line.shape, line.views))
            known.add((a, b, line.shape))
        for box, own in stand.items():
            own.steps = [*own.steps, *box.steps]
        self.lines = kept
        self.boxes = [box for box in self.boxes if box not in stand]


def _best_run(marks, start, end):
    """(start, period, times) of the run of repetitions that saves most boxes; None if there is none."""
    best = None
    for period in range(_LEAST_PERIOD, (end - start) // 2 + 1):
        at = start
        while at + period < end:
            length = 0
            while at + period + length < end and marks[at + length] == marks[at + period + length]:
                length += 1
            times = length // period + 1
            saved = (times - 1) * period
            if times > 1 and (best is None or saved > best[0]):
                best = (saved, at, period, times)
            at += length + 1
    return best and best[1:]


def _flat(inputs):
    for given in inputs:
        if isinstance(given, list):
            yield from given
        elif given is not None:
            yield given


def _title(step, weights):
    """(title, detail) of an operator's box."""
    name, attrs = step["op"], step.get("attrs", {})
    if name == "pointwise":
        return _program(attrs.get("program", ""))
    title = " ".join([name, *(str(attrs[kind]) for kind in ("operation", "mode") if kind in attrs)])
    if name == "convolution" and weights:
        window = weights[0][1][2:]
        window = window[1:] if len(window) == 3 and window[0] == 1 else window
        stride = attrs.get("stride_w", 1)
        title += " " + "×".join(map(str, window)) + (f" / {stride}" if stride != 1 else "")
    given = dict(enumerate(step["inputs"]))
    if name == "batch_norm" and given.get(5) is not None:
        title += " + residual"
    if attrs.get("activation", "none") != "none":
        title += f", {attrs['activation']}"
    if name == "linear":
        title += " × gate" if given.get(3) is not None else ""
        title += " + residual" if given.get(4) is not None else ""
    return title, ""


def _program(text):
    """(title, detail) of a pointwise program: its instructions, or how many there are."""
    code = re.findall(r"v\d+ = (\w+)\(", text)
    if len(code) <= 3:
        return " ".join(code) or "pointwise", ""
    return "pointwise", f"{len(code)} instructions"


def _tip(step):
    attrs = "\n".join(f"{k} = {v}" for k, v in step.get("attrs", {}).items() if v not in ("none", None))
    return f"{step['op']}\n{attrs}".strip()
