"""Large outputs lie in huge pages, where the system has them."""

import os

import pytest
import torch

from strata import ops

_WHERE = "/sys/kernel/mm/transparent_hugepage/enabled"


def _flags(address):
    """What the system says of the mapping that holds an address (VmFlags of proc(5))."""
    inside = False
    with open("/proc/self/smaps") as maps:
        for line in maps:
            first = line.split()[0]
            if "-" in first and not first.endswith(":"):
                low, high = (int(part, 16) for part in first.split("-"))
                inside = low <= address < high
            elif inside and first == "VmFlags:":
                return line.split()[1:]
    raise AssertionError("no mapping holds the address")


@pytest.mark.skipif(not os.path.exists(_WHERE), reason="no transparent huge pages")
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16))
def test_outputs_of_32_mebibytes_ask_for_huge_pages(dtype):
    x = torch.zeros((36 << 20) // dtype.itemsize, dtype=dtype)
    y = ops.add(x, x)
    assert "hg" in _flags(y.data_ptr() + y.nbytes // 2)


@pytest.mark.skipif(not os.path.exists(_WHERE), reason="no transparent huge pages")
def test_others_do_not():
    x = torch.zeros(20 << 18)
    assert "hg" not in _flags(x.data_ptr() + x.nbytes // 2)
    y = ops.add(x, x)
    assert "hg" not in _flags(y.data_ptr() + y.nbytes // 2)
