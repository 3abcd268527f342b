"""libstrata.so through ctypes: what a client in another language sees. It shares no code with Strata's Python package.

with c_api.Model(path) as model:
    probabilities, classes = model.run(np.zeros((1, 6), np.float32))
"""

import ctypes
import os
import pathlib

import numpy as np

_DTYPES = {0: np.float32, 2: np.float64, 3: np.int32, 4: np.int64, 5: np.uint8, 6: np.bool_, 7: np.float16, 8: np.int8}


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("sizes", ctypes.c_int64 * 8),
    ]


class Argument(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("sizes", ctypes.c_int64 * 8),
    ]


def path():
    root = pathlib.Path(os.environ.get("STRATA_RUNTIME_LIB", "systems/runtime"))
    return str((root / "libstrata.so").absolute())


def library():
    lib = ctypes.CDLL(path(), mode=os.RTLD_LOCAL)
    lib.strata_load.restype = lib.strata_clone.restype = ctypes.c_void_p
    lib.strata_error.restype = ctypes.c_char_p
    lib.strata_load.argtypes = [ctypes.c_char_p, ctypes.c_int]
    lib.strata_clone.argtypes = lib.strata_free.argtypes = [ctypes.c_void_p]
    for name in ("strata_num_inputs", "strata_num_outputs"):
        getattr(lib, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    for name in ("strata_input", "strata_output"):
        getattr(lib, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(Argument)]
    tensors = ctypes.POINTER(Tensor)
    lib.strata_run.argtypes = [ctypes.c_void_p, ctypes.c_char_p, tensors, ctypes.c_int, tensors, ctypes.c_int]
    return lib


class Refused(Exception):
    """The status is args[0], the sentence args[1]."""


def tensor_of(array):
    sizes = (ctypes.c_int64 * 8)(*array.shape)
    dtype = next(number for number, known in _DTYPES.items() if known == array.dtype)
    return Tensor(array.ctypes.data, dtype, array.ndim, sizes)


class Model:
    def __init__(self, path, lib=None, handle=None):
        self.lib = lib or library()
        self.handle = handle or self.lib.strata_load(os.fsencode(path), 1)
        if not self.handle:
            raise Refused(None, self.lib.strata_error().decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.strata_free(self.handle)

    def clone(self):
        return Model(None, self.lib, self.lib.strata_clone(self.handle))

    def arguments(self, kind, entry=b""):
        count = getattr(self.lib, f"strata_num_{kind}s")(self.handle, entry)
        found = []
        for i in range(count):
            argument = Argument()
            assert getattr(self.lib, f"strata_{kind}")(self.handle, entry, i, argument) == 0
            found.append((argument.name.decode(), argument.dtype, list(argument.sizes[: argument.rank])))
        return found

    def run_tensors(self, tensors, entry=b"", outputs=None):
        count = self.lib.strata_num_outputs(self.handle, b"") if outputs is None else outputs
        made = (Tensor * max(count, 1))()
        status = self.lib.strata_run(self.handle, entry, (Tensor * len(tensors))(*tensors), len(tensors), made, count)
        if status:
            raise Refused(status, self.lib.strata_error().decode())
        return made[:count]

    def run(self, *arrays):
        arrays = [np.ascontiguousarray(array) for array in arrays]
        answers = []
        for made in self.run_tensors([tensor_of(array) for array in arrays]):
            shape, dtype = tuple(made.sizes[: made.rank]), np.dtype(_DTYPES[made.dtype])
            size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            answers.append(np.frombuffer(ctypes.string_at(made.data, size), dtype).reshape(shape))
        return answers
