"""The gradient of a pointwise program as another one: the chain rule, node by node, on its graph."""

import functools
import math
import operator

from ._graph import Graph, Node, _order


class _Rules:
    """What each operand of a node gets of the node's gradient `g`; None for nothing."""

    def __init__(self, graph):
        self.n = graph.node

    def of(self, node, g):
        rule = getattr(self, node.op.rstrip("_"), None) or getattr(self, node.op + "_", None)
        return rule(g, node, *node.args) if rule else ()

    def add(self, g, out, a, b):
        return g, g

    def sub(self, g, out, a, b):
        return g, self.n("neg", g)

    def mul(self, g, out, a, b):
        return self.n("mul", g, b), self.n("mul", g, a)

    def div(self, g, out, a, b):
        n = self.n
        grad_a = n("div", g, b)  # shared: a division costs as much as ten multiplications
        return grad_a, n("neg", n("mul", grad_a, out)) if isinstance(b, Node) else None

    def _choose(self, g, first, a, b):
        # The two share it where they are equal.
        n, tie, half = self.n, self.n("eq", a, b), self.n("mul", g, 0.5)
        mine = n("select", tie, half, n("select", first, g, 0.0))
        other = n("select", tie, half, n("select", first, 0.0, g))
        return mine, other

    def max(self, g, out, a, b):
        return self._choose(g, self.n("gt", a, b), a, b)

    def min(self, g, out, a, b):
        return self._choose(g, self.n("lt", a, b), a, b)

    def neg(self, g, out, a):
        return (self.n("neg", g),)

    def abs(self, g, out, a):
        return (self.n("mul", g, self.n("sign", a)),)

    def pow(self, g, out, a, b):
        n = self.n
        grad_a = grad_b = None
        if isinstance(a, Node):
            if isinstance(b, Node):
                slope = n("mul", b, n("pow", a, n("sub", b, 1.0)))
                slope = n("select", n("eq", b, 0.0), 0.0, slope)
            else:
                slope = n("mul", n("pow", a, b - 1.0), b)
            grad_a = n("mul", g, slope)
        if isinstance(b, Node):
            base = n("log", a) if isinstance(a, Node) else math.log(a) if a > 0 else math.nan
            grad_b = n("mul", g, n("mul", out, base))
            if isinstance(a, Node):
                grad_b = n("select", n("and", n("eq", a, 0.0), n("ge", b, 0.0)), 0.0, grad_b)
        return grad_a, grad_b

    def fma(self, g, out, a, b, c):
        return self.n("mul", g, b), self.n("mul", g, a), g

    def reciprocal(self, g, out, a):
        return (self.n("neg", self.n("mul", g, self.n("mul", out, out))),)

    def sqrt(self, g, out, a):
        return (self.n("div", g, self.n("mul", out, 2.0)),)

    def rsqrt(self, g, out, a):
        cube = self.n("mul", self.n("mul", out, out), out)
        return (self.n("mul", self.n("mul", g, -0.5), cube),)

    def exp(self, g, out, a):
        return (self.n("mul", g, out),)

    def expm1(self, g, out, a):
        return (self.n("mul", g, self.n("add", out, 1.0)),)

    def log(self, g, out, a):
        return (self.n("div", g, a),)

    def log1p(self, g, out, a):
        return (self.n("div", g, self.n("add", a, 1.0)),)

    def sin(self, g, out, a):
        return (self.n("mul", g, self.n("cos", a)),)

    def cos(self, g, out, a):
        return (self.n("neg", self.n("mul", g, self.n("sin", a))),)

    def tanh(self, g, out, a):
        return (self.n("mul", g, self.n("sub", 1.0, self.n("mul", out, out))),)

    def _bell(self, g, a, scale, height):
        n = self.n
        return (n("mul", g, n("mul", n("exp", n("mul", n("mul", a, a), scale)), height)),)

    def erf(self, g, out, a):
        return self._bell(g, a, -1.0, 2 / math.sqrt(math.pi))

    def normal_cdf(self, g, out, a):
        return self._bell(g, a, -0.5, 1 / math.sqrt(2 * math.pi))

    def sigmoid(self, g, out, a):
        return (self.n("mul", g, self.n("mul", self.n("sub", 1.0, out), out)),)

    def silu(self, g, out, a):
        n, s = self.n, self.n("sigmoid", a)
        return (n("mul", g, n("mul", n("add", n("mul", n("sub", 1.0, s), a), 1.0), s)),)

    def gelu(self, g, out, a):
        n = self.n
        (bell,) = self.normal_cdf(a, None, a)
        return (n("mul", g, n("add", bell, n("normal_cdf", a))),)

    def gelu_tanh(self, g, out, a):
        # u = sqrt(2 / pi) (a + 0.044715 a^3), s = 1 / (1 + e^-2u): s + a s (1 - s) 2 u'
        n, double = self.n, 2 * math.sqrt(2 / math.pi)
        square = n("mul", a, a)
        s = n("sigmoid", n("mul", n("mul", n("fma", square, 0.044715, 1.0), a), double))
        steep = n("mul", n("fma", square, 3 * 0.044715, 1.0), double)
        return (n("mul", g, n("fma", n("mul", n("mul", n("sub", 1.0, s), s), a), steep, s)),)

    def select(self, g, out, condition, a, b):
        return None, self.n("select", condition, g, 0.0), self.n("select", condition, 0.0, g)

    def cast(self, g, out, a):
        return (self.n("cast", g, dtype=a.dtype),)


class _Curved(Exception):
    """A slope that these rules do not write."""


class _Slopes:
    """The slopes of functions of one value, such as x * sigmoid(x): one factor, of which each step continues the one
    before, where the chain rule would add up a product for every way through the function."""

    _RULES = {"add", "sub", "mul", "div", "neg", "abs", "fma", "reciprocal", "sqrt", "rsqrt", "exp", "expm1", "log",
              "log1p", "sin", "cos", "tanh", "erf", "normal_cdf", "sigmoid", "silu", "gelu",
              "gelu_tanh", "cast"}  # fmt: skip
    _MOST = 16  # steps of such a function

    def __init__(self, graph, order):
        self.graph = graph
        self.rules = _Rules(graph)
        self.rules.n = self._node
        self.place = {id(node): i for i, node in enumerate(order)}

    def _node(self, op, *args, dtype=None):
        """A node, with numbers folded."""
        if op == "cast" and not isinstance(args[0], Node):
            return args[0]
        if not any(isinstance(a, Node) for a in args):
            if op not in ("neg", "add", "mul"):
                raise _Curved
            return getattr(operator, op)(*args)
        if op == "mul":
            for number, other in (args, args[::-1]):
                if not isinstance(number, Node) and abs(number) == 1:
                    return other if number == 1 else self.graph.node("neg", other)
        return self.graph.node(op, *args, dtype=dtype)

    def _between(self, node):
        """(the one value that the node is a function of, the steps from there to the node), or None."""
        front = {id(a): a for a in node.args if isinstance(a, Node)}
        steps = [node]
        while len(front) > 1:
            last = max(front.values(), key=lambda n: self.place.get(id(n), -1))
            if last.op == "input" or last.op not in self._RULES or len(steps) == self._MOST:
                return None
            del front[id(last)]
            front |= {id(a): a for a in last.args if isinstance(a, Node)}
            steps.append(last)
        value = next(iter(front.values()))
        return (value, steps[::-1]) if value.dtype.is_floating_point else None

    def of(self, node):
        """(value, slope) where the node is a function of that value by more than one way, else None."""
        if node.op not in self._RULES or sum(isinstance(a, Node) for a in node.args) < 2:
            return None
        found = self._between(node)
        if found is None:
            return None
        value, steps = found
        try:
            return value, self._forward(value, steps)
        except _Curved:
            return None

    def _forward(self, value, steps):
        slopes = {id(value): 1.0}
        for step in steps:
            parts = []
            for i, arg in enumerate(step.args):
                if isinstance(arg, Node):
                    if arg.dtype is not value.dtype and step.op != "cast":
                        raise _Curved
                    parts.append(self.rules.of(step, slopes[id(arg)])[i])
            slopes[id(step)] = functools.reduce(lambda a, b: self._node("add", a, b), parts)
        if not isinstance(slopes[id(steps[-1])], Node):
            raise _Curved
        return slopes[id(steps[-1])]

    def scaled(self, grad, slope):
        """grad * slope, in an order in which each product continues the one before."""
        n = self.graph.node
        if grad.op == "mul" and all(isinstance(a, Node) and a.op == "input" for a in grad.args):
            return n("mul", n("mul", slope, grad.args[0]), grad.args[1])
        return n("mul", grad, slope)


def derive(graph: Graph, outputs, grads):
    """{id of a node: its gradient}"""
    order = _order(outputs)
    rules, slopes, total = _Rules(graph), _Slopes(graph, order), {}

    def give(node, grad):
        if node.dtype.is_floating_point:
            known = total.get(id(node))
            total[id(node)] = grad if known is None else graph.node("add", known, grad)

    for output, grad in zip(outputs, grads):
        give(output, grad)
    for node in reversed(order):
        if id(node) not in total:
            continue
        grad = total[id(node)]
        if one := slopes.of(node):
            give(one[0], slopes.scaled(grad, one[1]))
            continue
        for arg, part in zip(node.args, rules.of(node, grad)):
            if isinstance(arg, Node) and part is not None:
                give(arg, part)
    return total
