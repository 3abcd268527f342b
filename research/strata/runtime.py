"""Runs a bundle in Python, step by step, through `torch.ops.strata`: what the service must equal, bit for bit.

    model = strata.runtime.load("minilm.bundle")
    outputs = model(ids=ids, cu_seqlens=cu_seqlens)      # {"embedding": tensor}

A model that changes its buffers takes them as inputs and gives their new values (docs/formats/bundle.md, state):

    state = model.state()
    outputs = model(x=x, **state)
    state = model.next_state(outputs)
"""

import json
import pathlib

import torch
from safetensors.torch import load_file

from . import ops
from .ops._schema import evaluate, solve


class Plan:
    """One entry point of a plan and its weights, callable with the inputs by name; gives the outputs by name."""

    def __init__(self, entry, weights, state=None):
        self.entry, self.weights = entry, {"$" + name: tensor for name, tensor in weights.items()}
        self.changes = state or {}  # input -> {"output", "initial"}

    def state(self):
        """{input: tensor}: the state that a first call gets. What the caller makes itself is not among it."""
        specs = {spec["name"]: spec for spec in self.entry["inputs"]}
        return {
            name: self._first(specs[name], change["initial"])
            for name, change in self.changes.items()
            if "initial" in change
        }

    def _first(self, spec, initial):
        if initial == 0:
            return torch.zeros(spec["shape"], dtype=getattr(torch, spec["dtype"]))
        return self.weights[initial].clone()

    def next_state(self, outputs):
        """{input: tensor}: the state for the call after the one that gave `outputs`."""
        return {name: outputs[change["output"]] for name, change in self.changes.items()}

    def _bind(self, inputs):
        dims, values = {}, dict(self.weights)
        for spec in self.entry["inputs"]:
            name, tensor = spec["name"], inputs.get(spec["name"])
            if tensor is None:
                raise ValueError(f"input {name} is missing")
            dtype = str(tensor.dtype).removeprefix("torch.")
            if dtype != spec["dtype"] or tensor.dim() != len(spec["shape"]):
                raise ValueError(
                    f"input {name} is {dtype} {list(tensor.shape)}, wanted {spec['dtype']} {spec['shape']}"
                )
            for size, dim in zip(tensor.shape, spec["shape"]):
                if not (isinstance(dim, str) and solve(dim, size, dims)) and self._size(dim, dims) != size:
                    raise ValueError(f"input {name} has shape {list(tensor.shape)}, wanted {spec['shape']} with {dims}")
            values[name] = tensor
        for dim, (low, high) in self.entry["dims"].items():
            if not low <= dims[dim] <= high:
                raise ValueError(f"{dim} is {dims[dim]}, wanted {low} to {high}")
        if extra := set(inputs) - {spec["name"] for spec in self.entry["inputs"]}:
            raise ValueError(f"unknown inputs: {', '.join(sorted(extra))}")
        return dims, values

    @staticmethod
    def _size(dim, dims):
        return dim if isinstance(dim, int) else evaluate(dim, dims)

    def numerics(self, **inputs):
        """The numerics classes of the rows that run on this machine."""
        found = set()
        self.visit(inputs, lambda step, args: found.add(_row(step, args).numerics))
        return sorted(found)

    def __call__(self, **inputs):
        return self.visit(inputs, lambda step, args: None)

    def visit(self, inputs, see):
        """Runs, and calls see(step, args) before every operator."""
        values = self._run(inputs, see)
        return {o["name"]: values[o["value"]].contiguous() for o in self.entry["outputs"]}

    def values(self, **inputs):
        """Runs, and gives every value by its name in the plan, weights as "$name"."""
        return self._run(inputs, lambda step, args: None)

    @torch.no_grad()
    def _run(self, inputs, see):
        dims, values = self._bind(inputs)
        for step in self.entry["steps"]:
            args = [_argument(name, values) for name in step["inputs"]]
            shape = [self._size(d, dims) for d in step["outputs"][0]["shape"]]
            if "op" in step:
                see(step, args)
            made = _run_op(step, args) if "op" in step else _run_view(step, args[0], shape, dims)
            for spec, tensor in zip(step["outputs"], made if isinstance(made, (tuple, list)) else (made,)):
                wanted = [self._size(d, dims) for d in spec["shape"]]
                if list(tensor.shape) != wanted:
                    raise ValueError(f"value {spec['name']} has shape {list(tensor.shape)}, the plan says {wanted}")
                values[spec["name"]] = tensor
        return values


def _argument(name, values):
    """A step's input: a value, a list of values, or None."""
    if isinstance(name, list):
        return [values[n] for n in name]
    return None if name is None else values[name]


def _row(step, args):
    return ops.which(step["op"], *args, **step["attrs"]).row


def _run_op(step, args):
    schema = ops.schemas[step["op"]]
    return getattr(torch.ops.strata, schema.name)(*args, *(a.encode(step["attrs"][a.name]) for a in schema.attrs))


def _run_view(step, x, shape, dims):
    attrs = step.get("attrs", {})
    if step["view"] == "reshape":
        return x.view(shape)
    if step["view"] == "permute":
        return x.permute(attrs["dims"])
    if step["view"] == "broadcast":
        return x.expand(shape)
    if step["view"] == "slice":
        dim, every = attrs["dim"], Plan._size(attrs.get("step", 1), dims)
        length = max(0, (shape[dim] - 1) * every + 1)
        cut = x.narrow(dim, Plan._size(attrs["start"], dims), length)
        return cut[(slice(None),) * dim + (slice(None, None, every),)]
    raise ValueError(f"the plan has a view of kind {step['view']!r}, which this version does not know")


def load(path, entry_point=None):
    """A bundle's entry point (the default one unless named) as a callable."""
    path = pathlib.Path(path)
    manifest = json.loads((path / "manifest.json").read_text())
    plan = json.loads((path / "plan.json").read_text())
    for name, known in manifest["ops"].items():
        if name not in ops.schemas or ops.schemas[name].hash != known:
            raise ValueError(f"{path}: operator {name} has changed since the export; export the model again")
    entry = entry_point or manifest["default_entry_point"]
    if entry not in plan["entry_points"]:
        raise ValueError(f"{path} has no entry point {entry}, it has {', '.join(plan['entry_points'])}")
    state = manifest["entry_points"][entry].get("state")
    return Plan(plan["entry_points"][entry], load_file(path / "weights.safetensors"), state)
