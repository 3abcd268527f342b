"""How requests become a batch: told from the plan's shapes and from the operators that read offsets."""

from .. import ops
from ..ops._schema import evaluate, names, solve
from ._errors import ExportError


def _offsets_inputs(entry):
    """Inputs that an operator reads as run ends."""
    inputs = {spec["name"] for spec in entry["inputs"]}
    found = set()
    for step in entry["steps"]:
        if "op" in step:
            args = ops.schemas[step["op"]].inputs
            found |= {n for n, a in zip(step["inputs"], args) if a.rule == "offsets" and n is not None and n in inputs}
    return found


def infer(entry):
    """{"batch_dim", "ragged_dim", "layouts"} for the manifest; {} where requests cannot share a batch."""
    shapes = {spec["name"]: spec["shape"] for spec in entry["inputs"]}
    values = dict(shapes)
    for step in entry["steps"]:
        values |= {o["name"]: o["shape"] for o in step["outputs"]}
    for output in entry["outputs"]:
        if output["value"].startswith("$"):
            return {}
        shapes[output["name"]] = values[output["value"]]
    offsets = _offsets_inputs(entry)
    return _ragged(entry, shapes, values, offsets) if offsets else _stacked(entry, shapes)


def _mentions(size, dim):
    return isinstance(size, str) and dim in names(size)


def _stacked(entry, shapes):
    """A dim that is first in every input and output, and nowhere else."""
    for dim in entry["dims"]:
        if all(s and s[0] == dim and not any(_mentions(size, dim) for size in s[1:]) for s in shapes.values()):
            return {"batch_dim": dim, "layouts": dict.fromkeys(shapes, "stacked")}
    return {}


def _ragged(entry, shapes, values, offsets):
    named = list(entry["dims"])
    batch = str(values[sorted(offsets)[0]][0]).removesuffix("+1")
    ragged = [d for d in named if d != batch]
    if batch not in named or len(ragged) != 1:
        raise ExportError(f"a ragged model has two dims, a batch and the tokens; this one has {named}")
    layouts = {}
    for name, shape in shapes.items():
        first = shape[0] if shape else None
        if name in offsets:
            layouts[name] = "offsets"
        elif first in (batch, ragged[0]):
            layouts[name] = "stacked" if first == batch else "ragged"
        else:
            raise ExportError(f"{name} has shape {shape}: its first dim is neither {batch} nor {ragged[0]}")
    return {"batch_dim": batch, "layouts": layouts, "ragged_dim": ragged[0]}


def first_item(inputs, entry, layout):
    """The inputs of the batch's first item alone: a second shape for the golden. None where there is no batch."""
    if not layout:
        return None
    kinds = layout["layouts"]
    ends = next((inputs[n] for n, kind in kinds.items() if kind == "offsets"), None)
    alone = {}
    for spec in entry["inputs"]:
        name = spec["name"]
        tensor = inputs[name]
        if kinds[name] == "offsets":
            alone[name] = tensor[:2].clone()
        elif kinds[name] == "ragged":
            alone[name] = tensor[: int(ends[1])].clone()
        else:
            alone[name] = tensor[:1].clone()
    return alone


def smaller(inputs, entry):
    """The inputs cut at their ends, every dim one smaller where its range lets it: a second shape for the golden of
    what has no batch. None where no dim can be smaller."""
    dims, cut = {}, dict(inputs)
    for spec in entry["inputs"]:
        for size, text in zip(inputs[spec["name"]].shape, spec["shape"]):
            if isinstance(text, str):
                solve(text, size, dims)
    less = {dim: max(low, dims[dim] - 1) for dim, (low, _) in entry["dims"].items()}
    if less == dims:
        return None
    for spec in entry["inputs"]:
        for at, text in enumerate(spec["shape"]):
            if isinstance(text, str):
                cut[spec["name"]] = cut[spec["name"]].narrow(at, 0, evaluate(text, less)).clone()
    return cut
