"""Instructions that change nothing leave pointwise programs: times 1, less 0, integers plus 0, a cast there and back,
twice the negative. A program that is left with none of them goes.

The answer stays: x * 1, x / 1 and x - 0 are x for every x, negative zero and infinities included; x + 0 is not (it
makes 0 of -0), but for integers; and a wider dtype holds every number of a narrower one.
"""

import math

import torch

from ...pointwise._graph import Graph, Node, read, write
from ._steps import Steps, changed, same_kind

# Casts to the second lose nothing of the first.
_WIDER = {
    (torch.bfloat16, torch.float32), (torch.bfloat16, torch.float64), (torch.float16, torch.float32),
    (torch.float16, torch.float64), (torch.float32, torch.float64), (torch.int32, torch.int64),
    (torch.int32, torch.float64), (torch.uint8, torch.int32), (torch.uint8, torch.int64), (torch.uint8, torch.float32),
}  # fmt: skip


def apply(steps, outputs, build):
    steps = Steps(steps, outputs)
    for step in steps:
        if step.view or step.name != "pointwise":
            continue
        _, results, _ = read(step.attrs["program"])
        graph, known = Graph(), {}
        simpler = [_simpler(node, graph, known) for node in results]
        if len(known) == len(set(map(id, known.values()))):
            continue  # nothing became its operand
        if len(results) == 1 and simpler[0].op == "input":
            value = step.inputs[0][simpler[0].args[0]]
            if same_kind(value, step.outputs[0]) and step.outputs[0] not in steps.outputs:
                steps.redirect(step.outputs[0], value)
        elif all(node.op != "input" for node in simpler) and len(set(map(id, simpler))) == len(simpler):
            text, used = write(simpler)
            steps.replace(step, [changed(step, inputs=[[step.inputs[0][i] for i in used]], attrs={"program": text})])
    return steps.list()


def _simpler(node, graph, known):
    """The node in another graph, without what changes nothing."""
    if id(node) not in known:
        if node.op == "input":
            while len(graph.inputs) <= node.args[0]:
                graph.input(node.dtype)
            made = graph.inputs[node.args[0]]
            made.dtype = node.dtype
        else:
            args = [_simpler(a, graph, known) if isinstance(a, Node) else a for a in node.args]
            same = _same(node.op, args, node.dtype)
            made = same if same is not None else graph.node(node.op, *args, dtype=node.dtype)
        known[id(node)] = made
    return known[id(node)]


def _same(op, args, dtype):
    """The operand that an instruction gives back as it is, or None."""
    first, second = args[0], args[1] if len(args) > 1 else None
    if op == "mul" and _is(first, 1):
        first, second = second, first
    if (op in ("mul", "div") and _is(second, 1)) or (op == "sub" and _is(second, 0)):
        return first
    if op == "add" and not dtype.is_floating_point and 0 in (first, second):
        return second if first == 0 else first
    if op in ("neg", "not") and first.op == op:
        return first.args[0]
    if op == "cast" and first.op == "cast":
        source = first.args[0]
        return source if source.dtype == dtype and (dtype, first.dtype) in _WIDER else None
    return None


def _is(operand, number):
    return not isinstance(operand, Node) and operand == number and math.copysign(1, operand) == 1
