"""Prepared weights: an operator that has another layout for a constant argument (OpDef::prepare: linear packs its
weight into panels) gets it made once, not at every call.

The first call with a weight runs as it is; the second with the same weight prepares it, if it is one that gains by it
(OpDef::prepare.pays). So training, which changes the weights at every step, prepares nothing, nor does decoding. A
prepared form goes away with its tensor. Whether a weight is still the one that was prepared is checked twice: here by
its version, which is cheap and makes a new form after a change, and in the operator by a fingerprint of its values,
so that a change that PyTorch cannot see (through `.data` or NumPy, or new memory at an old address) never gives an
old answer.
"""

import contextlib
import os
import weakref

import torch

# A smaller weight is prepared in less time than it takes to find its prepared form.
_MIN_ELEMENTS = 1 << 14

_enabled = os.environ.get("STRATA_PREPARE_WEIGHTS", "1") != "0"


@contextlib.contextmanager
def prepared_weights(enabled):
    """Switches preparing on or off for this block, in every thread. Results are the same; memory and speed differ.

    The environment variable STRATA_PREPARE_WEIGHTS=0 switches it off from the start.
    """
    global _enabled
    before, _enabled = _enabled, bool(enabled)
    try:
        yield
    finally:
        _enabled = before


class _Entry:
    """A tensor that was seen. `form`: None at first, then its prepared form, or False where it has none."""

    __slots__ = ("owner", "version", "shape", "form")

    def __init__(self, owner, version, shape):
        self.owner, self.version, self.shape, self.form = owner, version, shape, None


class Cache:
    """The prepared forms of one operator's argument, by address. Each lives as long as the tensor it was made of."""

    def __init__(self, prepare, pays):
        self._prepare, self._pays, self._entries = prepare, pays, {}

    def __len__(self):
        return sum(e.form is not None and e.form is not False for e in self._entries.values())

    def clear(self):
        """Forgets everything."""
        self._entries.clear()

    def find(self, tensor, call=None):
        """The prepared form of a tensor, or None; one is made where `call`, all the arguments, gains by it."""
        if not _enabled or tensor.numel() < _MIN_ELEMENTS or torch._C._len_torch_dispatch_stack():
            return None
        try:
            address, version = tensor.data_ptr(), tensor._version
        except RuntimeError:  # a tensor without memory or without a version: fake, batched, of inference mode
            return None
        entry = self._entries.get(address)
        if entry is None or entry.version != version or entry.shape != tensor.shape:
            return self._first(tensor, address, version)
        form = entry.form
        if form is None and call is not None and self._pays(*call):
            form = self._second(tensor, entry)
        return form if form is not False else None

    def _first(self, tensor, address, version):
        if not tensor.is_cpu or not address:
            return None
        # A view is made anew at every call, but its base stays.
        base = tensor if tensor._base is None else tensor._base
        entries = self._entries

        def gone(reference):
            entry = entries.get(address)
            if entry is not None and entry.owner is reference:
                entries.pop(address, None)

        entries[address] = _Entry(weakref.ref(base, gone), version, tensor.shape)
        return None

    def _second(self, tensor, entry):
        form = self._prepare(tensor.detach())
        entry.form = form if form.numel() else False
        return entry.form


def make(schema, op, directly):
    """(run, cache): `run(*args)` is the operator `op` below autograd, with its argument prepared where known.
    `directly` makes direct calls (_direct.py)."""
    by_dispatcher = getattr(torch.ops.strata, f"_{schema.name}_prepared").default
    prepare = getattr(torch.ops.strata, f"_{schema.name}_prepare").default

    def dispatched(*args):
        with torch._C._AutoDispatchBelowAutograd():
            return by_dispatcher(*args)

    prepared = directly(f"_{schema.name}_prepared", dispatched)
    cache = Cache(prepare, directly(f"_{schema.name}_pays", lambda *args: True))
    at, find = schema.prepare, cache.find

    def run(*args):
        form = find(args[at], args)
        return op(*args) if form is None else prepared(form, *args)

    return run, cache
