"""Keeps freed memory in the process, so that a large output costs no page faults the second time.

PyTorch gives an operator's output back to glibc when it dies, and glibc a large one to the kernel; the next call then
pays for zeroed pages, which hides the kernel's own speed, ours and theirs alike. After keep() the same memory is used
again for both sides: this is what reports call "reused". "fresh" is glibc as a user has it, timed before keep().
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep():
    """True where it worked: glibc alone has these knobs."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    done = [mallopt(_M_MMAP_MAX, 0), mallopt(_M_TRIM_THRESHOLD, 2**31 - 1), mallopt(_M_TOP_PAD, 64 << 20)]
    return all(done)
