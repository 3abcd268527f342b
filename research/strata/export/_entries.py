"""One entry point of a bundle: traced, lowered, run for its golden, and compared with the eager model."""

import contextlib
import dataclasses
import inspect

import torch

from ..runtime import Plan
from . import _bisect, _layouts, _lower, _padding, _quantize
from ._errors import ExportError
from ._history import History
from ._plan import Constants
from ._report import difference, flat


@dataclasses.dataclass
class Entry:
    """What one entry point calls, and with what: a module, or a method of one (`vae.encode`). The arguments are those
    of `strata.export`."""

    model: object
    example_inputs: dict
    dynamic_shapes: dict = dataclasses.field(default_factory=dict)
    output_names: list | None = None
    more_examples: tuple = ()

    @property
    def module(self):
        owner = getattr(self.model, "__self__", self.model)
        if not isinstance(owner, torch.nn.Module):
            raise ExportError(f"{self.model!r} is neither a torch.nn.Module nor a method of one")
        return owner


@dataclasses.dataclass
class Made:
    """An entry point that is ready to be written."""

    plan: dict  # its JSON in plan.json
    layout: dict  # how requests share a batch; {}: never
    state: dict  # input -> {"output", "initial"}, as manifest.json has it
    cases: list  # of the golden: (inputs, outputs)
    differences: dict  # output -> units of the last place
    dropped: list  # (name, value) of outputs that are no tensors
    numerics: list
    history: History
    accuracy: dict = dataclasses.field(default_factory=dict)  # output -> how far quantising took it
    padding: str = "kept"  # or "removed: ...", "kept: why"
    unpadded: object = None  # the Made of the plan without padding


@contextlib.contextmanager
def _as_forward(entry):
    """The module, with the entry point's method in forward's place meanwhile."""
    module = entry.module
    if module is entry.model:
        yield module
        return
    module.forward = entry.model
    try:
        yield module
    finally:
        del module.forward  # the class's own is seen again


def _by_name(model, given):
    """Arguments under the names that the model has for them, in their order."""
    names = inspect.signature(model.forward).parameters
    if isinstance(given, dict):
        return {n: given[n] for n in names if n in given} | given
    return dict(zip(names, given if isinstance(given, (tuple, list)) else [given]))


def _nested(value, dynamic):
    """The dims of an argument as torch.export wants them: for each of its leaves; None where none is dynamic."""
    if isinstance(value, dict):
        return {key: _nested(v, (dynamic or {}).get(key)) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        each = dynamic or [None] * len(value)
        if len(each) != len(value):
            raise ExportError(f"dynamic_shapes has {len(each)} parts for an argument of {len(value)}")
        return type(value)(_nested(v, d) for v, d in zip(value, each))
    return dynamic


def _specs(value, dynamic):
    """{dim: Dim} of every leaf of an argument whose dims are nested as it is."""
    if isinstance(value, dict):
        return [s for key, v in value.items() for s in _specs(v, dynamic[key])]
    if isinstance(value, (list, tuple)):
        return [s for v, d in zip(value, dynamic) for s in _specs(v, d)]
    return [dict(enumerate(dynamic)) if isinstance(dynamic, (list, tuple)) else dynamic or {}]


def _flat_tensors(inputs, names):
    """{plan input: tensor} of arguments by name."""
    leaves = torch.utils._pytree.tree_leaves(inputs)
    if len(leaves) != len(names):
        raise ExportError(f"an example has {len(leaves)} values, the model was traced with {len(names)}")
    return {name: leaf for name, leaf in zip(names, leaves) if isinstance(leaf, torch.Tensor)}


class _Eager:
    """The model, as a function from the plan's inputs to its outputs: state goes in and comes out."""

    def __init__(self, model, lowering, names):
        self.model, self.lowering, self.names = model, lowering, names

    def buffers(self):
        """{input: a copy of the buffer that it stands for}."""
        made = {name: change.buffer for name, change in self.lowering.changes.items() if change.buffer}
        return {name: self._buffer(buffer).clone() for name, buffer in made.items()}

    def _buffer(self, name):
        return self.model.get_buffer(name)

    @torch.no_grad()
    def __call__(self, inputs, state):
        """The outputs' tensors in the plan's order. `state` is of the buffers; neither it nor `inputs` is changed."""
        before = self.buffers()
        copied = torch.utils._pytree.tree_map_only(torch.Tensor, torch.clone, inputs)
        try:
            self._set(state)
            outputs = self.model(**copied)
            given = _flat_tensors(copied, self.names)
            changed = [
                self._buffer(change.buffer).clone() if change.buffer else given[name]
                for name, change in self.lowering.changes.items()
            ]
            return [*flat(outputs), *changed]
        finally:
            self._set(before)

    def _set(self, state):
        for name, value in state.items():
            self._buffer(self.lowering.changes[name].buffer).copy_(value)


def _stays_alone(whole, alone, layout):
    """Whether the first item of a batch has the bits that it has by itself: else requests must not share a batch."""
    kinds = layout["layouts"]
    return all(
        torch.equal(whole[name][: len(tensor)], tensor)
        for name, tensor in alone.items()
        if kinds[name] in ("stacked", "ragged")
    )


def _cases(plan, layout, examples):
    """([(inputs, outputs)] for the golden, the layout that holds)."""
    alone = _layouts.first_item(examples[0], plan.entry, layout)
    if alone is None and len(examples) == 1 and plan.entry["dims"]:
        alone = _layouts.smaller(examples[0], plan.entry)
    cases = [(inputs, plan(**inputs)) for inputs in [examples[0], *([alone] if alone else []), *examples[1:]]]
    if layout and alone and not _stays_alone(cases[0][1], cases[1][1], layout):
        layout = {}
    return cases, layout


def _next(case, state):
    """The case after this one: its outputs are the state that the next call gets."""
    inputs, outputs = case
    return inputs | {name: outputs[change.output] for name, change in state.items()}


def _initial(value, name, constants):
    """What manifest.json says of a buffer's first value: 0, or the weight that holds it."""
    if not torch.count_nonzero(value):
        return 0
    return "$" + constants.add(value, name)


@dataclasses.dataclass
class Options:
    """What is the same for all entry points of a bundle (strata.export's arguments)."""

    tolerance: float = 1024.0
    rewrites: tuple = ()
    quantize: str | None = None
    padding: str = "auto"


class Traced:
    """A model's graph, and the arguments that it was traced with."""

    def __init__(self, entry):
        self.model, self.output_names = entry.module.eval(), entry.output_names
        example, dynamic = _by_name(self.model, entry.example_inputs), _by_name(self.model, entry.dynamic_shapes)
        dynamic = {at: _nested(value, dynamic.get(at)) for at, value in example.items()}
        self.program = _lower.trace(self.model, (), example, dynamic)
        self.names = _lower.input_names(self.program)
        self.dims = dict(zip(self.names, [s for at, value in example.items() for s in _specs(value, dynamic[at])]))
        self.examples = [example, *(_by_name(self.model, more) for more in entry.more_examples)]

    def made(self, constants, options, last=None):
        """(Made without its differences, the eager model)."""
        history = History()
        lowering = _lower.Lowering(self.program, self.dims, options.rewrites, history.see, last)
        weights = constants if options.padding == "keep" else Constants()
        plan = Plan(lowering.run(self.output_names, weights), weights.tensors)
        eager = _Eager(self.model, lowering, self.names)
        cases, layout = _golden(plan, eager, self.examples)
        held = _state(lowering, eager.buffers(), constants)
        classes = plan.numerics(**cases[0][0])
        made = Made(plan.entry, layout, held, cases, {}, lowering.dropped, classes, history)
        made.unpadded = _padding.unpadded(lowering, made, constants, options)
        if made.unpadded is None and weights is not constants:
            made.plan = lowering.build.write(lowering.outputs, constants)
        return made, eager

    def refuse(self, cases, apart, options):
        """Raises an ExportError that says where the largest difference comes from."""
        inputs = cases[max(range(len(cases)), key=lambda at: max(apart[at].values()))][0]
        said = _bisect.explain(self.program, self.dims, inputs, options.rewrites, options.tolerance)
        _refuse(_worst(apart), options.tolerance, said)


def make(entry, constants, options):
    """Traces, lowers, runs and compares one entry point; its weights go to `constants`.

    Raises ExportError.
    """
    with _as_forward(entry):
        return finish(Traced(entry), constants, options, entry)


def finish(traced, constants, options, entry=None):
    """The Made of a traced model; without its Entry, bf16 is not possible."""
    made, eager = traced.made(Constants() if options.quantize else constants, options)
    apart = [_differences(eager, case, traced.examples[0]) for case in made.cases]
    made.differences = _worst(apart)
    if not max(made.differences.values(), default=0.0) <= options.tolerance:
        traced.refuse(made.cases, apart, options)
    if options.quantize is None:
        return _padding.served(made)
    if options.quantize == "bf16":
        narrow, _ = Traced(_quantize.as_bfloat16(entry)).made(constants, options)
    else:
        narrow, _ = traced.made(constants, options, last=_quantize.Int8(options.rewrites))
    narrow.differences = made.differences
    narrow.accuracy = _accuracy(eager, narrow.cases, traced.examples[0])
    return _padding.served(narrow)


def _accuracy(eager, cases, like):
    """{output: how far the quantised plan is from the eager model}, for outputs of floats."""
    measured = {}
    for inputs, outputs in cases:
        wanted = _eagerly(eager, inputs, like)
        for (name, got), want in zip(outputs.items(), wanted, strict=True):
            if want.is_floating_point():
                measured.setdefault(name, []).append(_quantize.accuracy(got, want))
    return {name: _quantize.joined(figures) for name, figures in measured.items()}


def _golden(plan, eager, examples):
    """([(inputs, outputs)], the layout that holds); where there is state, the last case goes on from the first."""
    given = [_flat_tensors(one, eager.names) | eager.buffers() for one in examples]
    cases, layout = _cases(plan, _layouts.infer(plan.entry), given)
    if eager.lowering.changes:
        cases.append((after := _next(cases[0], eager.lowering.changes), plan(**after)))
    return cases, layout


def _differences(eager, case, like):
    """{output: how far it is from the eager model's}."""
    inputs, outputs = case
    wanted = _eagerly(eager, inputs, like)
    return {name: difference(got, want) for (name, got), want in zip(outputs.items(), wanted, strict=True)}


def _eagerly(eager, inputs, like):
    return eager(_unflat(like, inputs, eager.names), {n: inputs[n] for n in eager.buffers()})


def _worst(apart):
    return {name: max(one[name] for one in apart) for name in apart[0]}


def _state(lowering, start, constants):
    """The manifest's `state`."""
    return {
        name: {"output": change.output}
        | ({"initial": _initial(start[name], change.buffer, constants)} if change.buffer else {})
        for name, change in lowering.changes.items()
    }


def _unflat(like, inputs, names):
    """The arguments of the model, with the tensors of a case in their places."""
    leaves, spec = torch.utils._pytree.tree_flatten(like)
    return torch.utils._pytree.tree_unflatten([inputs.get(n, leaf) for n, leaf in zip(names, leaves)], spec)


def _refuse(differences, tolerance, said):
    for output, worst in differences.items():
        if not worst <= tolerance:
            raise ExportError(
                f"output {output} of the plan differs from the eager model by {worst:.3g} units of the last place of "
                f"its largest magnitude, more than {tolerance:.3g}. {said}"
            )
