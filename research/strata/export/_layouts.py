"""How requests become a batch: told from the plan's shapes and from the operators that read offsets."""

from .. import ops
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
    """{"batch_dim", "ragged_dim", "layouts"} for the manifest.

    Raises ExportError where an input or output fits no layout.
    """
    shapes = {spec["name"]: spec["shape"] for spec in entry["inputs"]}
    values = dict(shapes)
    for step in entry["steps"]:
        values |= {o["name"]: o["shape"] for o in step["outputs"]}
    for output in entry["outputs"]:
        if not output["value"].startswith("$"):
            shapes[output["name"]] = values[output["value"]]
    offsets = _offsets_inputs(entry)
    named = list(entry["dims"])
    if offsets:
        batch = str(values[sorted(offsets)[0]][0]).removesuffix("+1")
        ragged = [d for d in named if d != batch]
        if batch not in named or len(ragged) != 1:
            raise ExportError(f"a ragged model has two dims, a batch and the tokens; this one has {named}")
        ragged = ragged[0]
    elif len(named) == 1:
        batch, ragged = named[0], None
    else:
        raise ExportError(
            f"cannot tell the batch dim among {named}: one dynamic dim, or offsets, is what can be batched"
        )
    layouts = {}
    for name, shape in shapes.items():
        first = shape[0] if shape else None
        if name in offsets:
            layouts[name] = "offsets"
        elif first == batch:
            layouts[name] = "stacked"
        elif ragged is not None and first == ragged:
            layouts[name] = "ragged"
        else:
            raise ExportError(
                f"{name} has shape {shape}: its first dim is neither {batch} nor {ragged or 'a ragged dim'}"
            )
    made = {"batch_dim": batch, "layouts": layouts}
    return made | ({"ragged_dim": ragged} if ragged else {})


def first_item(inputs, entry, layout):
    """The inputs of the batch's first item alone: a second shape for the golden."""
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
