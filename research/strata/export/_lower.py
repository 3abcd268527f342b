"""A traced model to a plan: constants fold, Strata's operators stay whole, the rest goes through the table."""

import dataclasses
import re
import warnings

import torch
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree as pytree
from torch.fx.experimental.symbolic_shapes import ConstraintViolationError

from .. import ops
from ..accelerate import accelerated
from ._dims import name_dims
from ._errors import ExportError, where
from ._plan import Constants, PlanBuilder, Value
from ._ragged import remove
from ._tokens import Refused
from .lowerings import TABLE, Unsupported
from .rewrites import rewrite

_FOLD_LIMIT = 1 << 28  # elements: a larger constant is computed at run time


def trace(model, args, kwargs, dynamic_shapes):
    """torch.export, made functional, with every operator that the table or the registry has kept whole. Parts of the
    model that come from transformers run on Strata's attention, norms and rotary embeddings meanwhile
    (strata.accelerated).

    Raises ExportError where torch.export fails: with a sentence about a dim that the model fixes, else with torch's
    words.
    """
    with torch.no_grad(), warnings.catch_warnings(), accelerated(model):
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, about its own tree specs
        try:
            program = torch.export.export(model, args, kwargs, dynamic_shapes=dynamic_shapes, strict=False)
        except (torch._dynamo.exc.TorchDynamoException, ConstraintViolationError) as error:
            raise ExportError(_explain(str(error))) from error
        decompositions = torch.export.default_decompositions()
        for overload in TABLE:
            decompositions.pop(overload, None)
        return program.run_decompositions(decompositions)


def _explain(text):
    fixed = re.findall(r"marked (\w+) as dynamic but your code specialized it to be a constant \((\d+)\)", text)
    if fixed:
        dims = "; ".join(f"the model fixes the dim {name} to the number {size}" for name, size in sorted(set(fixed)))
        return (
            f"{dims}. Look for a shape that is written as a number in the model, or leave it out of dynamic_shapes"
            + (
                "; an example of size 1 fixes a dim, too: use 2 or more"
                if any(size == "1" for _, size in fixed)
                else ""
            )
        )
    return "torch.export cannot trace the model: " + text.split("\n\nThe error above")[0].strip()


def input_names(program):
    """A name for every value that the model is called with, in order, tensors or not."""
    return [s.arg.name for s in program.graph_signature.input_specs if s.kind == InputKind.USER_INPUT]


@dataclasses.dataclass
class Change:
    """A tensor that the model writes to: an input of the plan, and the output with its new value."""

    output: str
    buffer: str | None  # None: an argument of the model


class Lowering:
    """One traced program on its way to a plan.

    lowering = Lowering(program, {input: {dim: Dim}})
    plan = lowering.run(None, constants)
    """

    def __init__(self, program, dynamic_shapes, rewrites=(), see=None, last=None):
        signature = program.graph_signature
        self.program = program
        self.changes = {}  # input -> Change
        self.dropped = []  # (name, value) of outputs that are no tensors
        changed = set(signature.buffers_to_mutate.values())
        self.buffers = {node: name for node, name in signature.inputs_to_buffers.items() if name in changed}
        self.names = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        self.names = {node: name for node, name in self.names.items() if node not in self.buffers}
        self.state = {**program.state_dict, **program.constants}
        fakes = {
            n.name: n.meta["val"]
            for n in program.graph.nodes
            if n.op == "placeholder" and n.name not in self.names and isinstance(n.meta.get("val"), torch.Tensor)
        }
        self.build = PlanBuilder(name_dims(fakes, dynamic_shapes, program.range_constraints))
        self.values, self.missing = {}, []
        self.rewrites, self.see, self.last = rewrites, see, last  # last: changes the steps after all rewrites

    def run(self, output_names, constants):
        """The plan's JSON; its weights go to `constants`."""
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                self._placeholder(node)
            elif node.op == "call_function":
                self._call(node)
        if self.missing:
            raise ExportError("no lowering for:\n  " + "\n  ".join(self.missing))
        self.outputs = self._outputs(output_names)
        return self._write(self.build, self.outputs, constants, self.see)

    def _write(self, build, outputs, constants, see=None):
        values = [value for _, value in outputs]
        build.steps = rewrite(build, values, self.rewrites, see)
        if self.last is not None:
            build.steps = self.last(build.steps, values, build)
        return build.write(outputs, constants)

    def without_padding(self, constants, without_mask):
        """(the plan's JSON over the tokens that exist, a Ragged), after `run`; its weights go to `constants`.

        Raises Refused with the reason where it cannot be proved to be the same.
        """
        if self.changes:
            raise Refused("the model keeps state")
        ragged = remove(self.build, self.outputs, without_mask)
        return self._write(ragged.build, ragged.outputs, constants), ragged

    def _placeholder(self, node):
        if node.name in self.names:
            name = self.names[node.name]
            self.values[node] = self.build.constant(self.state[name], name)
        elif isinstance(node.meta.get("val"), torch.Tensor):
            value = self.build.value(node.meta["val"], self.buffers.get(node.name, node.name))
            if any(value.name == other.name for other in self.build.inputs):
                raise ExportError(f"the model has both a buffer that it changes and an argument named {value.name}")
            self.build.inputs.append(value)
            self.values[node] = value

    def _call(self, node):
        fake = node.meta.get("val")
        if not isinstance(fake, (torch.Tensor, tuple, list)):
            return  # arithmetic on sizes lives in the dims; asserts are checked by the runtime's own shape checks
        if getattr(node.target, "__name__", "") == "getitem":
            if node.args[0] in self.values:
                self.values[node] = self.values[node.args[0]][node.args[1]]
            return
        if any(n not in self.values and isinstance(n.meta.get("val"), torch.Tensor) for n in node.all_input_nodes):
            return  # an operand had no lowering: that one is reported
        if self._folds(node, fake):
            self._fold(node)
        elif getattr(node.target, "namespace", "") == "strata":
            self._strata(node, fake)
        else:
            self._lower(node)

    def _folds(self, node, fake):
        inputs = [self.values[n] for n in node.all_input_nodes if n in self.values]
        made = [fake] if isinstance(fake, torch.Tensor) else [f for f in fake if f is not None]
        return (
            all(isinstance(f, torch.Tensor) for f in made)
            and len(inputs) == len(node.all_input_nodes)
            and all(isinstance(v, Value) and v.constant for v in inputs)
            and all(isinstance(size, int) for f in made for size in f.shape)
            and sum(f.numel() for f in made) < _FOLD_LIMIT
            and torch.Tag.nondeterministic_seeded not in node.target.tags
        )

    def _fold(self, node):
        """With the operator that research ran, never its decomposition."""
        plain = lambda n: self.values[n].tensor  # noqa: E731
        args, kwargs = torch.fx.map_arg(node.args, plain), torch.fx.map_arg(node.kwargs, plain)
        with torch.no_grad():
            made = node.target(*args, **kwargs)
        if isinstance(made, torch.Tensor):
            self.values[node] = self.build.constant(made, f"folded.{node.name}")
        else:
            self.values[node] = [
                None if t is None else self.build.constant(t, f"folded.{node.name}.{i}") for i, t in enumerate(made)
            ]

    def _arguments(self, node):
        def known(n):
            return self.values[n] if n in self.values else n.meta["val"]

        return torch.fx.map_arg(node.args, known), torch.fx.map_arg(node.kwargs, known)

    def _strata(self, node, fake):
        schema = ops.schemas[node.target._schema.name.removeprefix("strata::")]
        args, kwargs = self._arguments(node)
        given = dict(zip(schema.signature, args)) | kwargs
        outputs = [self.build.value(f) for f in (fake if isinstance(fake, (tuple, list)) else [fake])]
        if schema.mutates:
            raise ExportError(f"{schema.name} writes to its arguments, which a plan cannot do yet")
        attrs = {a.name: given.get(a.name, a.default) for a in schema.attrs}
        self.build.op(schema.name, [given.get(a.name) for a in schema.inputs], attrs, outputs)
        self.values[node] = outputs if isinstance(fake, (tuple, list)) else outputs[0]

    def _lower(self, node):
        reason = "the exporter does not know this operator"
        if node.target in TABLE:
            args, kwargs = self._arguments(node)
            try:
                self.values[node] = TABLE[node.target](self.build, node, *args, **kwargs)
                return
            except Unsupported as error:
                reason = str(error)
        self.missing.append(f"{node.target}: {reason}  [{where(node) or 'no source line'}]")

    def _outputs(self, names):
        """[(name, Value)]: the outputs that are tensors, then what has changed."""
        nodes = self.program.graph.find_nodes(op="output")[0].args[0]
        specs = self.program.graph_signature.output_specs
        own = [n for n, spec in zip(nodes, specs) if spec.kind == OutputKind.USER_OUTPUT]
        found = []
        for name, node in zip(_names(self.program), own, strict=True):
            if isinstance(node, torch.fx.Node) and isinstance(node.meta.get("val"), torch.Tensor):
                found.append((name, node))
            elif node is not None:
                self.dropped.append((name, str(node.meta["val"] if isinstance(node, torch.fx.Node) else node)))
        if names and len(names) != len(found):
            raise ExportError(f"the model has {len(found)} outputs, but {len(names)} names were given: {names}")
        made = [(given, self.values[node]) for given, (_, node) in zip(names or [name for name, _ in found], found)]
        return made + [self._changed(node, spec) for node, spec in zip(nodes, specs) if "MUTATION" in spec.kind.name]

    def _changed(self, node, spec):
        buffer = spec.target if spec.kind == OutputKind.BUFFER_MUTATION else None
        change = Change(f"{spec.target}.next", buffer)
        self.changes[spec.target] = change
        return change.output, self.values[node]


def _names(program):
    """A name for each output: its keys in what the model gives; "output" for one tensor, "output0", ... for a tuple."""
    spec = program.call_spec.out_spec
    paths, _ = pytree.tree_flatten_with_path(pytree.tree_unflatten(range(spec.num_leaves), spec))
    keys = [
        [str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", "")))) for key in path] for path, _ in paths
    ]
    names = [re.sub(r"[^A-Za-z0-9_.]", "_", ".".join(key)) for key in keys]
    return ["output" + name if not name or name[0].isdigit() else name for name in names]


def lower(program, dynamic_shapes, output_names=None, rewrites=(), see=None):
    """The entry point's plan (JSON-ready) and its weights {name: tensor}. `rewrites` and `see` are rewrites.rewrite's.

    Raises ExportError with every operator that has no lowering, each with its line in the model.
    """
    constants = Constants()
    return Lowering(program, dynamic_shapes, rewrites, see).run(output_names, constants), constants.tensors


def lower_plainly(program, dynamic_shapes, output_names=None):
    """The plan and its weights without rewrites, and {node of the graph: name of its value in the plan, or names}."""
    lowering, constants = Lowering(program, dynamic_shapes, ["none"]), Constants()
    entry = lowering.run(output_names, constants)
    return entry, constants.tensors, {
        node: held.name if isinstance(held, Value) else [v and v.name for v in held]
        for node, held in lowering.values.items()
    }
