"""What a gradient's program reads, and what the forward keeps for it."""

import functools

import torch

from ._gradient import derive
from ._graph import Node, _order, read, write


class Gradient:
    """A program for the gradients of some inputs. `sources` are its inputs: ("x", i) of the forward's, ("g", i) the
    gradient of an output, ("k", i) a value that the forward kept. `results` say where an input's gradient is:
    (None, i): the program's output i; ("g", i): the gradient of output i as it is; None: nowhere, it is zero."""

    def __init__(self, text, sources, results):
        self.text, self.sources, self.results = text, sources, results


def _made(graph, outputs, grads, needed):
    """The gradient of each input by itself, None where there is none or nobody asks."""
    total = derive(graph, outputs, grads)
    return [total.get(id(node)) if need else None for node, need in zip(graph.inputs, needed)]


@functools.lru_cache(maxsize=512)
def gradient(text, needed, given, kept=()):
    """`needed`: for each input whether its gradient is asked for; `given`: for each output whether it has one; `kept`:
    the names of values that the forward kept (Training)."""
    graph, outputs, names = read(text)
    inputs = list(graph.inputs)
    with_grad = [i for i, o in enumerate(outputs) if given[i] and o.dtype.is_floating_point]
    seeds = [Node("input", (len(inputs) + at,), outputs[i].dtype) for at, i in enumerate(with_grad)]
    grads = _made(graph, [outputs[i] for i in with_grad], seeds, needed)
    all_sources = [("x", i) for i in range(len(inputs))] + [("g", i) for i in with_grad]
    made, results = [], []
    for grad in grads:
        if grad is None:
            results.append(None)
        elif grad.op == "input":
            results.append(all_sources[grad.args[0]])
        else:
            if grad not in made:
                made.append(grad)
            results.append((None, made.index(grad)))
    if not made:
        return Gradient(None, (), results)
    values = {id(names[k]): Node("input", (len(all_sources) + at,), names[k].dtype) for at, k in enumerate(kept)}
    program, used = write(_with(made, values))
    all_sources += [("k", i) for i in range(len(kept))]
    return Gradient(program, tuple(all_sources[i] for i in used), results)


def _with(nodes, values):
    """The nodes again, with some values in them exchanged, by id."""
    known = dict(values)
    for node in _order(nodes):
        if id(node) not in known:
            args = tuple(known.get(id(a), a) if isinstance(a, Node) else a for a in node.args)
            known[id(node)] = Node(node.op, args, node.dtype)
    return [known[id(node)] for node in nodes]


_DRAWS = ("random_bits", "uniform", "normal")


def _first(nodes, wanted):
    """Of the nodes that these are made of, those that are wanted; not what they are made of themselves."""
    found, seen, stack = set(), set(), list(nodes)
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if id(node) in wanted:
            found.add(id(node))
        else:
            stack += [a for a in node.args if isinstance(a, Node)]
    return found


@functools.lru_cache(maxsize=512)
def training(text, needed):
    """(program, kept): the forward with one more output for each truth value that depends on random bits and that the
    gradient takes: a byte is read faster than its bits are drawn again. `kept` names them; none, mostly."""
    graph, outputs, names = read(text)
    drawn = {}
    for node in _order(outputs):
        if node.op in _DRAWS or any(id(a) in drawn for a in node.args):
            drawn[id(node)] = node
    truths = {i for i, node in drawn.items() if node.dtype == torch.bool and node not in outputs}
    if not truths:
        return text, ()
    floats = [o for o in outputs if o.dtype.is_floating_point]
    seeds = [Node("input", (len(graph.inputs) + i,), o.dtype) for i, o in enumerate(floats)]
    taken = _first([g for g in _made(graph, floats, seeds, needed) if g is not None], truths)
    kept = tuple(name for name, node in names.items() if id(node) in taken)
    try:
        return write(outputs + [names[k] for k in kept])[0], kept
    except ValueError:  # more outputs than a program may have
        return text, ()
