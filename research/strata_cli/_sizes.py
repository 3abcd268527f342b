"""Sizes of a plan's values at given dims, and how many bytes are live at each step.

    live(entry, {"B": 1, "S": 128})     # [bytes at step 0, ...]
"""

import ast
import math
import operator

from ._picture import item_bytes

_OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
               ast.Mod: operator.mod}  # fmt: skip


def usual_dims(entry, layout, given):
    """A size for every dim: as given, 1 for the batch, else 128 or what its range lets."""
    made = {}
    for dim, (low, high) in entry["dims"].items():
        usual = 1 if dim == layout.get("batch_dim") else 128
        made[dim] = given.get(dim, min(max(low, usual), high))
        if not low <= made[dim] <= high:
            raise ValueError(f"{dim} is {made[dim]}, wanted {low} to {high}")
    if extra := set(given) - set(made):
        raise ValueError(f"the plan has no dim {', '.join(sorted(extra))}, it has {', '.join(made) or 'none'}")
    return made


def size(expression, dims):
    """The number that a size is: an int, or an expression such as "B+1". A bundle is not trusted: nothing is run."""
    if isinstance(expression, int):
        return expression
    return _value(ast.parse(expression, mode="eval").body, expression, dims)


def _value(node, text, dims):
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = (_value(side, text, dims) for side in (node.left, node.right))
        if right == 0 and isinstance(node.op, (ast.FloorDiv, ast.Mod)):
            raise ValueError(f"the size {text!r} divides by 0")
        return _OPERATIONS[type(node.op)](left, right)
    if isinstance(node, ast.Name) and node.id in dims:
        return dims[node.id]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    raise ValueError(f"the size {text!r} is no sum or product of dims")


def value_bytes(spec, dims):
    return math.prod(size(s, dims) for s in spec["shape"]) * item_bytes(spec["dtype"])


def live(entry, dims):
    """Bytes that are live while each step runs: inputs and values from where they are made to where they are last read.
    Views share their source's memory. No plan for memory takes less."""
    owner, count, born, dies = {}, {}, {}, {}
    for spec in entry["inputs"]:
        owner[spec["name"]], count[spec["name"]], born[spec["name"]] = spec["name"], value_bytes(spec, dims), 0
    for at, step in enumerate(entry["steps"]):
        for given in step["inputs"]:
            for name in given if isinstance(given, list) else [given]:
                if name in owner:
                    dies[owner[name]] = at
        for spec in step["outputs"]:
            name, source = spec["name"], step["inputs"][0] if "view" in step else None
            owner[name] = owner.get(source, name)
            if owner[name] == name and "op" in step:
                count[name], born[name] = value_bytes(spec, dims), at
    for output in entry["outputs"]:
        if output["value"] in owner:
            dies[owner[output["value"]]] = len(entry["steps"]) - 1
    change = [0] * (len(entry["steps"]) + 1)
    for name, bytes_ in count.items():
        change[born[name]] += bytes_
        change[dies.get(name, born[name]) + 1] -= bytes_
    made, now = [], 0
    for step in change[:-1]:
        now += step
        made.append(now)
    return made


def human(count):
    """ "1.5 MiB"."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
