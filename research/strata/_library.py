"""Finds and loads the operator libraries that Bazel builds (later: that a wheel carries)."""

import ctypes
import json
import os
import pathlib

import torch

# The checkout, or a test's runfiles: research/ lies in it. Links are not followed: a test's lead back to the checkout.
ROOT = pathlib.Path(__file__).absolute().parents[2]


def _folders():
    if named := os.environ.get("STRATA_LIB"):
        yield pathlib.Path(named)
    yield pathlib.Path(__file__).parent / "_lib"
    yield ROOT / "kernels" / "torch"
    yield ROOT / "bazel-bin" / "kernels" / "torch"


def find(name):
    """The path of a library, or an ImportError that says what to do."""
    for folder in _folders():
        if (folder / name).exists():
            return str(folder / name)
    raise ImportError(
        f"strata: {name} was not found in {', '.join(str(f) for f in _folders())}. "
        "Build it with `bazel build //kernels/torch:libraries`, or set STRATA_LIB to the folder that has it."
    )


def load():
    """Registers `torch.ops.strata.*`. Returns the table of operators as a list of dicts, and the library for ctypes."""
    path = find("libstrata_cpu.so")
    torch.ops.load_library(path)
    library = ctypes.CDLL(path)
    table = library.strata_schemas_json
    table.restype = ctypes.c_char_p
    if torch.version.cuda is not None:
        # A torch built for CUDA loads it on a machine without a GPU, too.
        try:
            torch.ops.load_library(find("libstrata_cuda.so"))
        except ImportError:
            pass  # built without a CUDA toolkit: CPU alone
    return json.loads(table()), library
