"""A bundle run by the service's own runtime, through its C API (systems/runtime/strata.h), in this process.

    model = Served("minilm.bundle", threads=2)
    call = model.bind({"input_ids": ids, "cu_seqlens": ends})     # call() runs; call.tensor() is the first output
"""

import ctypes
import os
import pathlib

import torch

_DTYPES = [
    getattr(torch, name)  # in StrataDType's order
    for name in ("float32", "bfloat16", "float64", "int32", "int64", "uint8", "bool", "float16", "int8")
]


class _Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("sizes", ctypes.c_int64 * 8)]  # fmt: skip


class _Argument(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("sizes", ctypes.c_int64 * 8)]  # fmt: skip


def _library():
    """libstrata.so: the file that STRATA_RUNTIME names, a test's, or the checkout's."""
    root = pathlib.Path(__file__).absolute().parents[2]
    places = [root / at / "systems" / "runtime" / "libstrata.so" for at in (".", "bazel-bin")]
    found = os.environ.get("STRATA_RUNTIME") or next((str(p) for p in places if p.exists()), None)
    if found is None:
        raise FileNotFoundError("there is no libstrata.so: bazel build //systems/runtime:libstrata.so")
    library = ctypes.CDLL(found)
    library.strata_load.restype = ctypes.c_void_p
    library.strata_error.restype = ctypes.c_char_p
    return library


def _view(tensor):
    made = _Tensor(tensor.data_ptr(), _DTYPES.index(tensor.dtype), tensor.dim())
    made.sizes[: tensor.dim()] = list(tensor.shape)
    return made


class Served:
    def __init__(self, path, threads):
        self.library = _library()
        self.model = self.library.strata_load(str(path).encode(), threads)
        if not self.model:
            raise RuntimeError(self.library.strata_error().decode())
        self.model = ctypes.c_void_p(self.model)
        argument, names = _Argument(), []
        for at in range(self.library.strata_num_inputs(self.model, b"")):
            self.library.strata_input(self.model, b"", at, ctypes.byref(argument))
            names.append(argument.name.decode())
        self.inputs = names

    def __del__(self):
        if getattr(self, "model", None):
            self.library.strata_free(self.model)

    def bind(self, inputs):
        """A call of the default entry point; `inputs` by name, contiguous."""
        return _Call(self, [inputs[name] for name in self.inputs])


class _Call:
    def __init__(self, served, tensors):
        self.served, self.kept = served, tensors
        self.inputs = (_Tensor * len(tensors))(*map(_view, tensors))
        self.outputs = (_Tensor * served.library.strata_num_outputs(served.model, b""))()

    def __call__(self):
        run, made = self.served.library.strata_run, self.served.model
        if run(made, b"", self.inputs, len(self.inputs), self.outputs, len(self.outputs)):
            raise RuntimeError(self.served.library.strata_error().decode())
        return self

    def tensor(self):
        """The first output, copied: the next run overwrites it."""
        view = self.outputs[0]
        dtype, sizes = _DTYPES[view.dtype], list(view.sizes[: view.rank])
        bytes_ = ctypes.string_at(view.data, torch.Size(sizes).numel() * dtype.itemsize)
        return torch.frombuffer(bytearray(bytes_), dtype=dtype).reshape(sizes)
