"""0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), written element by element, becomes the one instruction gelu_tanh.

It changes bits, so it is off by default: the instruction is another way to compute the same function, and nearer to it.
"""

import math

from ...pointwise._graph import Graph, Node, read, write
from ._steps import Steps, changed

CHANGES_BITS = True


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        if step.view or step.name != "pointwise":
            continue
        _, results, _ = read(step.attrs["program"])
        x = _argument(results[0]) if len(results) == 1 else None
        if x is not None and x.op == "input":
            graph = Graph()
            text, _ = write([graph.node("gelu_tanh", graph.input(x.dtype))])
            steps.replace(step, [changed(step, inputs=[[step.inputs[0][x.args[0]]]], attrs={"program": text})])
    return steps.list()


def _argument(node):
    """x of a node that is the formula of x, or None."""
    for half, rest in _ways(node, "mul"):
        x = _other(half, "mul", 0.5)
        one = _other(rest, "add", 1)
        if x is not None and one is not None and isinstance(one, Node) and one.op == "tanh":
            inner = _other(one.args[0], "mul", math.sqrt(2 / math.pi))
            if inner is not None and _is_cubic(inner, x):
                return x
    return None


def _is_cubic(node, x):
    """Whether a node is x + 0.044715 x^3."""
    for first, second in _ways(node, "add"):
        cube = _other(second, "mul", 0.044715)
        if first is x and cube is not None and _is_cube(cube, x):
            return True
    return False


def _is_cube(node, x):
    if node.op == "pow":
        return node.args[0] is x and node.args[1] == 3
    return any(a is x and any(p is x and q is x for p, q in _ways(b, "mul")) for a, b in _ways(node, "mul"))


def _ways(node, op):
    """The two operands in both orders."""
    if not isinstance(node, Node) or node.op != op:
        return []
    return [node.args, node.args[::-1]]


def _other(node, op, number):
    """The operand beside a number, which may be rounded to float32; None where there is no such."""
    for a, b in _ways(node, op):
        if isinstance(b, float | int) and math.isclose(b, number, rel_tol=1e-6) and isinstance(a, Node):
            return a
    return None
