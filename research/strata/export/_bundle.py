"""Writes a bundle: all of it, or nothing (docs/formats/bundle.md)."""

import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import tempfile

import torch
from safetensors.torch import save, save_file

from .. import ops
from ._errors import ExportError

FORMAT_VERSION = 1


def _entry_manifest(made):
    return made.layout | ({"state": made.state} if made.state else {})


def _manifest(name, entries, embeddings, quantize, provenance, description, version):
    used = sorted({step["op"] for made in entries.values() for step in made.plan["steps"] if "op" in step})
    manifest = {
        "format": "strata-bundle",
        "version": FORMAT_VERSION,
        "name": name,
        "model_version": version,
        "description": description,
        "entry_points": {entry: _entry_manifest(made) for entry, made in entries.items()},
        "default_entry_point": next(iter(entries)),
        "ops": {op: ops.schemas[op].hash for op in used},
        "numerics": sorted({kind for made in entries.values() for kind in made.numerics}),
        "provenance": provenance | {"strata": _version(), "torch": torch.__version__.split("+")[0], "created": _now()},
    }
    if embeddings:
        manifest["embeddings"] = embeddings
    if quantize:
        accuracy = {entry: made.accuracy for entry, made in entries.items()}
        manifest["quantization"] = {"kind": quantize, "accuracy": accuracy}
    return manifest


def _version():
    from .. import __version__  # not at the top: the package imports this module

    return __version__


def _now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _golden(entries):
    return {
        f"{entry}/{at}/{kind}/{name}": tensor.contiguous().clone()
        for entry, made in entries.items()
        for at, (inputs, outputs) in enumerate(made.cases)
        for kind, tensors in (("in", inputs), ("out", outputs))
        for name, tensor in tensors.items()
    }


def _text(value):
    """JSON that a person can read: one line a step."""
    text = json.dumps(value, indent=1)
    # Lists of numbers and names, and whole specs, read better on one line.
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: "[" + re.sub(r"\s*\n\s*", " ", m[1]) + "]", text)
    text = re.sub(r"\{\s+([^{}]*?)\s+\}", lambda m: "{" + re.sub(r"\s*\n\s*", " ", m[1]) + "}", text)
    return text + "\n"


def _alone(tensor):
    """A part of another's memory is no tensor of its own to safetensors."""
    whole = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    return tensor if whole else tensor.clone(memory_format=torch.contiguous_format)


def _plan(entries):
    return {"plan": 1, "entry_points": {entry: made.plan for entry, made in entries.items()}}


def pack(*, name, entries, weights, quantize=None, provenance=None):
    """The files of a bundle in memory: {name: bytes}."""
    manifest = _manifest(name, entries, None, quantize, provenance or {}, "", "1")
    return {
        "manifest.json": _text(manifest).encode(),
        "plan.json": _text(_plan(entries)).encode(),
        "weights.safetensors": save({n: _alone(t) for n, t in weights.items()}),
        "golden.safetensors": save(_golden(entries)),
    }


def install(path, name, contents):
    """Writes the files of `pack` into the folder `path`, as `write` does."""
    with _folder(path, name) as folder:
        for file, data in contents.items():
            (folder / file).write_bytes(data)


def write(path, *, name, entries, weights, tokenizer=None, embeddings=None, description="", version="1",
          quantize=None, provenance=None):
    """Writes the folder `path` with the entry points {name: Made}. An existing bundle there is replaced whole; anything
    else there is an error."""
    with _folder(path, name) as folder:
        manifest = _manifest(name, entries, embeddings, quantize, provenance or {}, description, version)
        if tokenizer is not None:
            shutil.copyfile(tokenizer, folder / "tokenizer.json")
        (folder / "manifest.json").write_text(_text(manifest))
        (folder / "plan.json").write_text(_text(_plan(entries)))
        save_file({n: _alone(t) for n, t in weights.items()}, folder / "weights.safetensors")
        save_file(_golden(entries), folder / "golden.safetensors")


@contextlib.contextmanager
def _folder(path, name):
    """A new folder, which takes the place of `path` when all is written; nothing is left of it otherwise."""
    path = pathlib.Path(path)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name):
        raise ExportError(f"the model's name is {name!r}, wanted 1 to 128 letters, digits, dots, dashes or underscores")
    if path.exists() and not (path / "manifest.json").exists():
        raise ExportError(f"{path} is there and is no bundle: it is not overwritten")
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
        os.chmod(folder, 0o755)
        for file in folder.iterdir():
            os.chmod(file, 0o644)  # safetensors writes for its owner alone
        if path.exists():
            shutil.rmtree(path)
        os.rename(folder, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
