"""Where a plan's difference from the model comes from: the plan without rewrites and the traced graph side by side,
value by value.

    print(explain(program, dynamic_shapes, inputs, rewrites=(), tolerance=1024.0))
"""

import torch

from ..runtime import Plan
from . import _lower
from ._errors import where
from ._report import difference
from .rewrites import choose, name

_MOST = 3


def explain(program, dynamic_shapes, inputs, rewrites, tolerance):
    """Sentences that name the operator and its line in the model, or the rewrite, that brings a difference of more than
    `tolerance` units of the last place; or say that the graph itself differs from the model."""
    entry, weights, names = _lower.lower_plainly(program, dynamic_shapes)
    graph = _Graph(program)
    traced = graph.run(inputs)
    plan = Plan(entry, weights).values(**inputs)
    mine = {node: held for node in traced if (held := _held(names.get(node), plan)) is not None}
    apart = [(node, worst) for node, got in mine.items() if (worst := _apart(got, traced[node])) > tolerance]
    if not apart:
        return _of_rewrites(program, dynamic_shapes, inputs, rewrites, tolerance, graph.outputs(traced))
    alone = [(node, graph.alone(node, traced | mine)) for node, _ in apart]
    guilty = [(node, worst) for node, want in alone if (worst := _apart(mine[node], want)) > tolerance]
    if guilty:
        return "It comes from " + "; ".join(_named(node, worst) for node, worst in guilty[:_MOST])
    return "No operator brings it alone: it has grown beyond that by " + _named(*apart[0])


def _held(names, plan):
    """A node's value in the plan, or a list of them; None where the plan has none."""
    if isinstance(names, list):
        held = [plan.get(name) for name in names]
        return None if any(v is None for v in held) else held
    return plan.get(names)


def _apart(got, want):
    if isinstance(want, (tuple, list)):
        return max(map(_apart, got, want), default=0.0)
    return difference(got, want) if got.shape == want.shape and got.dtype == want.dtype else float("inf")


def _named(node, worst):
    return f"{node.target} ({node.name}, {worst:.3g}) at {where(node) or 'no source line'}"


def _of_rewrites(program, dynamic_shapes, inputs, rewrites, tolerance, outputs):
    """The first rewrite with which an output differs too much from the graph."""
    on = []
    for rule in choose(rewrites):
        on.append(name(rule))
        got = Plan(*_lower.lower(program, dynamic_shapes, rewrites=["none", *on]))(**inputs)
        if any(_apart(mine, theirs) > tolerance for mine, theirs in zip(got.values(), outputs)):
            return f"It comes from the rewrite {on[-1]}: switch it off with rewrites=['-{on[-1]}']"
    return "The plan agrees with the traced graph: it is the graph that differs from the model as it is called"


class _Graph(torch.fx.Interpreter):
    """The traced graph, run operator by operator with the model's own parameters."""

    def __init__(self, program):
        super().__init__(program.graph_module)
        self._signature = program.graph_signature
        self._state = {**program.state_dict, **program.constants}
        self._program = program

    def run(self, inputs):
        """{node: what it gives}."""
        held = self._signature
        names = {**held.inputs_to_parameters, **held.inputs_to_buffers, **held.inputs_to_lifted_tensor_constants}
        self.env = {}
        with torch.no_grad():
            for node in self._program.graph.nodes:
                if node.op == "placeholder":
                    own = names.get(node.name)  # of a buffer that changes, the value is an input
                    self.env[node] = inputs.get(own or node.name) if own in inputs or not own else self._state[own]
                elif node.op != "output":
                    self.env[node] = self.run_node(node)
        return dict(self.env)

    def alone(self, node, values):
        """What one operator gives on these values of its inputs."""
        self.env = values
        with torch.no_grad():
            return self.run_node(node)

    def outputs(self, traced):
        """The tensors that the model gives, then what has changed."""
        given = self._program.graph.find_nodes(op="output")[0].args[0]
        kinds = ["MUTATION" in spec.kind.name for spec in self._signature.output_specs]
        given = [n for last in (False, True) for n, kind in zip(given, kinds) if kind == last]
        return [traced[n] for n in given if isinstance(n, torch.fx.Node) and isinstance(traced[n], torch.Tensor)]
