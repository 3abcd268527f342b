"""Takes away from this process what reading a model does not need: files to write, the network, other programs.

    said = lock(memory=16 << 30, seconds=600)     # "seccomp and limits", or "limits alone (no seccomp here)"

Limits (rlimits) hold everywhere. On Linux, on x86-64 and 64-bit Arm, seccomp forbids to open files for writing, to
make, move or remove any, sockets, other programs, and to look into other processes. Reading files stays possible, but
what is read can go nowhere except to the parent.
"""

import ctypes
import platform
import resource
import struct
import sys

# By architecture: its number in seccomp, where open's flags are, the calls that are refused, and
# the number of seccomp itself.
_X86 = (
    0xC000003E, {2: 1, 257: 2},
    (41, 42, 43, 44, 46, 49, 50, 53, 57, 58, 59, 62, 76, 77, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 94, 101, 133,
     161, 165, 166, 175, 248, 249, 250, 258, 259, 260, 263, 264, 265, 266, 268, 272, 288, 298, 307, 308, 310, 311, 313,
     316, 321, 322, 323, 425, 434, 437, 438),
    317,
)  # fmt: skip
_ARM = (
    0xC00000B7, {56: 2},
    (33, 34, 35, 36, 37, 38, 39, 40, 45, 46, 51, 52, 53, 54, 55, 97, 105, 117, 129, 198, 199, 200, 201, 202, 203, 206,
     211, 217, 218, 219, 221, 241, 242, 268, 269, 270, 271, 273, 276, 280, 281, 282, 425, 434, 437, 438),
    277,
)  # fmt: skip
_TABLES = {"x86_64": _X86, "aarch64": _ARM}
_WRITES = 0o3 | 0o100 | 0o1000 | 0o2000 | 0o20000000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_TMPFILE
_LOAD, _EQUAL, _SET, _ATLEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refuse: EPERM


def _program(arch, flags, refused):
    """The filter: instructions (code, jump if true, jump if false, operand), each jump within 255."""
    made = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    made += [(_ATLEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _REFUSE)]  # x32's numbers
    for number in refused:
        made += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    for number, at in flags.items():
        made += [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, 16 + 8 * at), (_SET, 0, 1, _WRITES), (_RETURN, 0, 0, _REFUSE),
                 (_RETURN, 0, 0, _ALLOW)]  # fmt: skip
    made += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *one) for one in made), len(made)


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def _seccomp():
    """Whether the filter is on."""
    table = _TABLES.get(platform.machine())
    if sys.platform != "linux" or table is None:
        return False
    code, count = _program(*table[:3])
    held = ctypes.create_string_buffer(code, len(code))
    program = _Filter(count, ctypes.cast(held, ctypes.c_void_p))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    zero = ctypes.c_ulong(0)
    if prctl(38, ctypes.c_ulong(1), zero, zero, zero) != 0:  # PR_SET_NO_NEW_PRIVS
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall  # seccomp(SET_MODE_FILTER, for all threads, program)
    return call(ctypes.c_long(table[3]), ctypes.c_ulong(1), ctypes.c_ulong(1), ctypes.byref(program)) == 0


def lock(memory, seconds):
    """Limits this process for good; says what holds."""
    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_FSIZE, 0),
                       (resource.RLIMIT_CORE, 0)):  # fmt: skip
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    return "seccomp and limits" if _seccomp() else "limits alone: this system has no seccomp that Strata knows"
