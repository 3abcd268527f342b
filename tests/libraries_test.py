"""The built libraries use the listed symbols of torch and no others, show nothing but their table, and the CUDA one
loads on a machine without a GPU."""

import ctypes
import pathlib
import subprocess

import pytest
import torch

from strata import _library

FOLDER = pathlib.Path(__file__).absolute().parents[1] / "kernels" / "torch"


def symbols(path, *flags):
    """{name} from nm; versions such as @GLIBC_2.34 cut off."""
    out = subprocess.run(["nm", "-D", *flags, str(path)], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split("@")[0] for line in out.splitlines()}


def allowed(*lists):
    lines = [line for name in lists for line in (FOLDER / name).read_text().splitlines()]
    return {line for line in lines if line and not line.startswith("#")}


def is_torchs(name):
    return name.startswith(("aoti_torch", "torch_")) or "3c10" in name or "2at" in name or "5torch" in name


LIBRARIES = [
    ("libstrata_cpu.so", ["torch_abi_cpu.txt"]),
    ("libstrata_cuda.so", ["torch_abi_cpu.txt", "torch_abi_cuda.txt"]),
]


@pytest.fixture(params=LIBRARIES, ids=lambda p: p[0])
def library(request):
    path = FOLDER / request.param[0]
    if not path.exists():
        pytest.skip("no CUDA toolkit was found: libstrata_cuda.so is not built")
    return path, request.param[1]


def test_uses_only_the_listed_symbols(library):
    path, lists = library
    used = {name for name in symbols(path, "--undefined-only") if is_torchs(name)}
    assert used, "nm showed no symbol of torch: the test looks at the wrong thing"
    assert used <= allowed(*lists)


def test_shows_nothing_but_the_table(library):
    path, _ = library
    wanted = {"strata_direct", "strata_direct_setup", "strata_load_tuning", "strata_schemas_json", "strata_which"}
    assert symbols(path, "--defined-only") == (wanted if path.name == "libstrata_cpu.so" else set())


def test_cuda_library_loads_without_a_gpu():
    path = FOLDER / "libstrata_cuda.so"
    if not path.exists():
        pytest.skip("no CUDA toolkit was found: libstrata_cuda.so is not built")
    _library.load()
    if torch.version.cuda is None:
        # This torch has no CUDA half: the interface library that we link against stands in for it.
        ctypes.CDLL(str(FOLDER / "torch_cuda_stub.so"), mode=ctypes.RTLD_GLOBAL)
        torch.ops.load_library(str(path))
    assert torch._C._dispatch_has_kernel_for_dispatch_key("strata::rms_norm", "CUDA")
    assert not torch._C._dispatch_has_kernel_for_dispatch_key("strata::rms_norm_backward", "CUDA")
