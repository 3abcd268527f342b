"""Requests of `strata run` as tensors, and tensors as JSON. A module of its own, because it imports torch: the other
commands start without."""

import json
import pathlib
import sys

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file


def _tensor(name, value, spec):
    if isinstance(value, dict):  # {"shape": [0, 8], "data": []}: sizes that nesting cannot say
        return _tensor(name, value["data"], spec).reshape(value["shape"])
    try:
        made = torch.tensor(_numbers(value), dtype=torch.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(f"input {name}: {error}") from error
    if not spec["dtype"].startswith(("float", "bfloat")):
        if not torch.equal(made, made.round()):
            raise ValueError(f"input {name} has numbers that are not whole, wanted {spec['dtype']}")
        made = torch.tensor(value, dtype=torch.int64)
    return made.to(getattr(torch, spec["dtype"]))


def _numbers(value):
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def _request(text, plan):
    try:
        inputs = json.loads(text)["inputs"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError('a request is a line of JSON such as {"inputs": {"x": [[1, 2]]}}') from error
    if not isinstance(inputs, dict):
        raise ValueError('"inputs" is no object of input names')
    specs = {spec["name"]: spec for spec in plan.entry["inputs"]}
    if unknown := sorted(set(inputs) - set(specs)):
        raise ValueError(f"unknown input {unknown[0]}; the bundle has {', '.join(specs)}")
    return {name: _tensor(name, value, specs[name]) for name, value in inputs.items()}


def read(path, plan):
    """The inputs of every request in a file (.safetensors, or lines of JSON), or in the lines of standard input."""
    if path and path.endswith(".safetensors"):
        try:
            return [load_file(path)]
        except SafetensorError as error:
            raise ValueError(f"{path}: {error}") from error
    lines = pathlib.Path(path).read_text().splitlines() if path else sys.stdin
    return (_request(line, plan) for line in lines if line.strip())


def with_offsets(inputs, plan, layouts):
    """Adds the run ends of one sequence where the request has none."""
    made = dict(inputs)
    for spec in plan.entry["inputs"]:
        if layouts.get(spec["name"]) == "offsets" and spec["name"] not in made:
            ragged = next(made[n] for n, kind in layouts.items() if kind == "ragged" and n in made)
            made[spec["name"]] = torch.tensor([0, len(ragged)], dtype=getattr(torch, spec["dtype"]))
    return made


def _number(value):
    # The shortest decimal that reads back as the same float32.
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {True: "NaN", False: "Infinity" if value > 0 else "-Infinity"}[value != value]
    return value


def _lists(tensor):
    if tensor.dtype in (torch.float32, torch.bfloat16, torch.float16):
        array = tensor.to(torch.float32).numpy()
        flat = [_number(float(str(v))) for v in array.ravel()]
    else:
        flat = [_number(v) for v in tensor.flatten().tolist()]
    for size in reversed(tensor.shape[1:]):
        flat = (
            [flat[i * size : (i + 1) * size] for i in range(len(flat) // size)]
            if size
            else [[] for _ in range(len(tensor))]
        )
    return flat if tensor.dim() else flat[0]


def as_json(outputs):
    """A line with an answer's tensors."""
    return json.dumps({"outputs": {name: _lists(t) for name, t in outputs.items()}})
