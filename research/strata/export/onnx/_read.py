"""Reads a model.onnx that nobody vouches for: one protobuf, checked, and external data from its own folder alone."""

import os
import pathlib
import stat

import numpy as np

from .._errors import ExportError

OLDEST = 13
_MOST_BYTES = 2**31  # what protobuf can say


def _file(path, what):
    """The size of a regular file that is no link."""
    try:
        status = os.lstat(path)
    except OSError as error:
        raise ExportError(f"{what} {path}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ExportError(f"{what} {path} is no regular file")
    return status.st_size


def read(path):
    """The ModelProto, with its functions inlined and all data in it, and the version of the default opset."""
    try:
        import onnx
        from onnx import inliner
    except ModuleNotFoundError as error:
        raise ExportError("reading ONNX models needs the package onnx: pip install onnx") from error
    path = pathlib.Path(path)
    if (size := _file(os.path.realpath(path), "the model")) >= _MOST_BYTES:
        raise ExportError(f"{path} has {size} bytes, more than a protobuf can have")
    try:
        model = onnx.load_model(path, load_external_data=False)
        for tensor in _tensors(model):
            _external(tensor, path.parent)
        onnx.checker.check_model(model)
        if model.functions:
            model = inliner.inline_local_functions(model)
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(f"{path} is no valid ONNX model: {str(error).strip().splitlines()[0]}") from error
    return model, _version(model, path)


def _version(model, path):
    versions = {o.domain: o.version for o in model.opset_import}
    found = versions.get("", versions.get("ai.onnx", 0))
    if found < OLDEST:
        raise ExportError(f"{path} is of opset {found}, wanted {OLDEST} or later: onnx.version_converter converts it")
    return found


def _tensors(model):
    """Every tensor of the model: weights, and those in attributes, at any depth."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)


def _of_graph(graph):
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes):
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from _of_graph(graph)


def _external(tensor, folder):
    """Puts external data into the tensor."""
    from onnx import TensorProto, helper

    if tensor.data_location != TensorProto.EXTERNAL:
        return
    said = {entry.key: entry.value for entry in tensor.external_data}
    name = said.get("location", "")
    if not name or name != os.path.basename(name) or name in (".", "..") or "\\" in name or "\0" in name:
        raise ExportError(f"tensor {tensor.name!r} lies in the file {name!r}, wanted one of the model's own folder")
    size = _file(folder / name, "external data")
    offset, length = (_number(said, key, tensor.name) for key in ("offset", "length"))
    kind = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    wanted = _count(tensor) * kind.itemsize
    if length not in (None, wanted) or (offset or 0) + wanted > size:
        raise ExportError(
            f"tensor {tensor.name!r} claims {wanted if length is None else length} bytes from {offset or 0} of {name}, "
            f"which has {size}; its shape takes {wanted}"
        )
    with open(folder / name, "rb") as file:
        file.seek(offset or 0)
        tensor.raw_data = file.read(wanted)
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _number(said, key, name):
    text = said.get(key)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ExportError(f"tensor {name!r} has {key} {text!r}, wanted a number of bytes")
    return int(text)


def _count(tensor):
    count = 1
    for size in tensor.dims:
        if size < 0:
            raise ExportError(f"tensor {tensor.name!r} has a size of {size}")
        count *= size
    return count
