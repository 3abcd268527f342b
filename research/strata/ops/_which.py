"""Which row of an operator's table would run a call on this machine, and why: `strata.ops.which`."""

import ctypes
import dataclasses
import json
import struct

import torch

# In the order of kernels/core/dtype.h.
_DTYPES = {
    dtype: at
    for at, dtype in enumerate((
        torch.float32, torch.bfloat16, torch.float64, torch.int32, torch.int64, torch.uint8, torch.bool, torch.float16,
        torch.int8,
    ))
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of an operator's table, for one call. `numerics` names its class: rows of one class give equal bits."""

    row: str
    numerics: str
    runs: bool
    reason: str


@dataclasses.dataclass(frozen=True)
class Choice:
    """The rows of one call in the order in which they are tried. `key` begins a line of the tuning table."""

    key: str
    rows: tuple

    @property
    def row(self):
        """The row that runs, or None."""
        return next((row for row in self.rows if row.runs), None)

    def __str__(self):
        width = max(len(row.row) for row in self.rows)
        lines = (f"{'->' if r.runs else '  '} {r.row:<{width}}  {r.numerics}: {r.reason}" for r in self.rows)
        return "\n".join([self.key, *lines])


def _tensor(schema, arg, tensor):
    if tensor.dtype not in _DTYPES:
        raise RuntimeError(f"strata::{schema.name}: {arg.name} has dtype {tensor.dtype}, which no kernel takes")
    # The adapter copies what a kernel cannot read where it lies.
    tensor = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
    return [_DTYPES[tensor.dtype], tensor.dim(), *tensor.shape, *tensor.stride()]


def _words(schema, args, attrs):
    words = []
    for arg, value in zip(schema.inputs, args):
        tensors = list(value) if arg.list else [] if value is None else [value]
        words.append(-1 if value is None else len(tensors))
        for tensor in tensors:
            words += _tensor(schema, arg, tensor)
    text = ""
    for attr, value in zip(schema.attrs, attrs):
        if attr.kind == "text":
            words, text = [*words, 0], value
        elif attr.kind == "float":
            words += struct.unpack("q", struct.pack("d", value))
        else:
            words.append(int(attr.encode(value)))
    return (ctypes.c_int64 * len(words))(*words), text


class Library:
    """The two functions that the operator library has beside its operators."""

    def __init__(self, library):
        self._which, self._load = library.strata_which, library.strata_load_tuning
        self._which.restype = self._load.restype = ctypes.c_char_p

    def which(self, schema, *args, **attrs):
        """The Choice for one call. Tensors may be on the "meta" device: no data is read.

        Raises: RuntimeError as the call would.
        """
        args = [*args, *(attrs.pop(a.name, () if a.list else None) for a in schema.inputs[len(args):])]
        given, args = args[len(schema.inputs):], args[:len(schema.inputs)]
        values = dict(zip((a.name for a in schema.attrs), given)) | attrs
        if unknown := set(values) - {a.name for a in schema.attrs}:
            raise TypeError(f"{schema.name} has no argument {sorted(unknown)[0]}")
        words, text = _words(schema, args, [values.get(a.name, a.default) for a in schema.attrs])
        answer = json.loads(self._which(schema.name.encode(), words, text.encode()))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return Choice(answer["key"], tuple(Row(**row) for row in answer["rows"]))

    def load_tuning(self, text):
        """Makes a tuning table (docs/tuning.md) this process's own; "" takes it away. Raises ValueError."""
        if error := self._load(text.encode()).decode():
            raise ValueError(error)
