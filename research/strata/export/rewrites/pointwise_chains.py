"""A pointwise program and the one that alone reads its result become one program: one pass over memory.

The answer stays: a program rounds after each instruction as separate programs do (docs/formats/pointwise.md), and an
element of the result depends on the same elements of the inputs.
"""

from ...pointwise._graph import Graph, Node, read, write
from .._plan import live


def apply(steps, outputs, build):
    steps = live(steps, outputs)
    readers = _readers(steps, outputs)
    made = {step.outputs[0]: step for step in steps if step.name == "pointwise" and not step.view}
    gone = set()
    for step in steps:
        if step.name != "pointwise" or step.view:
            continue
        while (joined := _join_one(step, made, readers)) is not None:
            source, step.inputs, step.attrs = joined
            gone.add(source)
    return [step for step in steps if step not in gone]


def _readers(steps, outputs):
    """{value: how many steps and outputs read it}."""
    count = {}
    for step in steps:
        for value in set(step.values()):
            count[value] = count.get(value, 0) + 1
    for value in outputs:
        count[value] = count.get(value, 0) + 1
    return count


def _join_one(step, made, readers):
    """(the step that goes, the new inputs, the new attrs), or None."""
    for value in step.inputs[0]:
        source = made.get(value)
        if source is None or readers[value] != 1 or value.shape != step.outputs[0].shape:
            continue
        try:
            text, inputs = _joined(source, step)
        except ValueError:  # more than a program may have
            continue
        for kept in set(source.inputs[0]) & set(step.inputs[0]):
            readers[kept] -= 1  # read by one step from now on
        return source, [inputs], {"program": text}
    return None


def _joined(first, second):
    """(program, inputs) of second after first."""
    graph, values, known = Graph(), [], {}

    def place(value):
        if value not in known:
            known[value] = graph.input(value.dtype)
            values.append(value)
        return known[value]

    outputs = _copy(graph, first.attrs["program"], [place(v) for v in first.inputs[0]])
    known[first.outputs[0]] = outputs[0]
    results = _copy(graph, second.attrs["program"], [place(v) for v in second.inputs[0]])
    text, used = write(results)
    return text, [values[i] for i in used]


def _copy(graph, text, operands):
    """The nodes of a program in another graph, on other operands."""
    _, outputs, _ = read(text)
    known = {}

    def node(n):
        if id(n) not in known:
            if n.op == "input":
                known[id(n)] = operands[n.args[0]]
            else:
                args = [node(a) if isinstance(a, Node) else a for a in n.args]
                known[id(n)] = graph.node(n.op, *args, dtype=n.dtype)
        return known[id(n)]

    return [node(o) for o in outputs]
