"""Pointwise programs as graphs: built node by node (equal nodes once), read from their text and written to it."""

import math

import torch

from ..ops import definition

WORDS = {d: str(d).removeprefix("torch.") for d in (
    torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int32, torch.int64, torch.uint8, torch.bool
)}  # fmt: skip
COMPARE = {"eq", "ne", "lt", "le", "gt", "ge"}
_RANDOM = {"random_bits": torch.int32, "uniform": torch.float32, "normal": torch.float32}
_MAX_INPUTS, _MAX_OUTPUTS, _MAX_INSTRUCTIONS, _MAX_TEXT = 16, 8, 256, 8192


class Node:
    """A value of a program. `args` are nodes and numbers; an input has its number."""

    __slots__ = ("op", "args", "dtype")

    def __init__(self, op, args, dtype):
        self.op, self.args, self.dtype = op, args, dtype


class Graph:
    """The nodes of one program, each once."""

    def __init__(self):
        self._known = {}
        self.inputs = []

    def input(self, dtype):
        node = Node("input", (len(self.inputs),), dtype)
        self.inputs.append(node)
        return node

    def node(self, op, *args, dtype=None):
        """The node of an operation on nodes of one dtype and numbers; `dtype` for a cast alone."""
        own = next((a.dtype for a in args[op == "select":] if isinstance(a, Node)), None)
        if op == "cast":
            if args[0].dtype == dtype:
                return args[0]
            result = dtype
        else:
            result = torch.bool if op in COMPARE else _RANDOM.get(op, own)
        key = (op, tuple(id(a) if isinstance(a, Node) else (type(a), repr(a)) for a in args), result)
        if key not in self._known:
            self._known[key] = Node(op, args, result)
        return self._known[key]


def _literal(value, dtype):
    if dtype == torch.bool:
        return "true" if value else "false"
    if not dtype.is_floating_point:
        return str(int(value))
    value = float(value)
    return repr(value).removesuffix(".0") if math.isfinite(value) else str(value)


def _order(outputs):
    """The nodes that the outputs need, operands first."""
    order, seen = [], set()
    stack = [(node, False) for node in reversed(outputs)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen and node.op != "input":
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.args) if isinstance(a, Node))
    return order


def write(outputs):
    """(text, numbers of the inputs that it reads, in order) of a program; the outputs are results of operations."""
    order = _order(outputs)
    used = sorted({a.args[0]: a for n in order for a in n.args if isinstance(a, Node) and a.op == "input"}.items())
    names = {id(node): f"x{i}" for i, (_, node) in enumerate(used)}
    names |= {id(node): f"v{i}" for i, node in enumerate(order)}
    parts = [", ".join(f"{WORDS[node.dtype]} x{i}" for i, (_, node) in enumerate(used))]
    for i, node in enumerate(order):
        own = next((a.dtype for a in node.args[node.op == "select":] if isinstance(a, Node)), None)
        own = torch.int64 if node.op in _RANDOM else own
        args = ", ".join(names[id(a)] if isinstance(a, Node) else _literal(a, own) for a in node.args)
        parts.append(f"v{i} = {WORDS[node.dtype] if node.op == 'cast' else node.op}({args})")
    text = "; ".join([*parts, "return " + ", ".join(names[id(node)] for node in outputs)])
    limits = ((len(used), _MAX_INPUTS, "inputs"), (len(outputs), _MAX_OUTPUTS, "outputs"),
              (len(order), _MAX_INSTRUCTIONS, "instructions"), (len(text), _MAX_TEXT, "characters"))  # fmt: skip
    for count, most, what in limits:
        if count > most:
            raise ValueError(f"a pointwise program of {count} {what}: {most} is the most; make it two")
    return text, [number for number, _ in used]


def _number(text, dtype):
    if text in ("true", "false"):
        return text == "true"
    return float(text) if dtype is not None and dtype.is_floating_point else int(text)


def read(text):
    """(graph, outputs, values by name) of a program's text, which is valid."""
    dtypes, code, outputs = definition("pointwise").statements(text)
    graph = Graph()
    names = {f"x{i}": graph.input(dtype) for i, dtype in enumerate(dtypes)}
    words = {word: dtype for dtype, word in WORDS.items()}
    for i, (op, operands) in enumerate(code):
        if op in words:
            names[f"v{i}"] = Node("cast", (names[operands[0]],), words[op])
            continue
        own = next((names[o].dtype for o in operands[op == "select":] if o in names), None)
        args = [names[o] if o in names else _number(o, own) for o in operands]
        names[f"v{i}"] = graph.node(op, *args)
    return graph, [names[name] for name in outputs], names
