"""Direct calls: operators without torch's dispatcher, which costs more than all else where tensors are small.

The operator library makes a function of Python from an operator (kernels/torch/direct.h). It reads torch's tensors by
DLPack's C exchange table and gives new ones by the door that Inductor's own compiled code uses, and does so only where
the dispatcher would have nothing to do: exactly `torch.Tensor` or `Parameter` on the CPU, no mode, transform, tracer or
profiler at work. Everything else, and every wrong call, goes the ordinary way; with a torch that lacks one of the
parts, every call does.
"""

import ctypes

import torch


def _steals(adopt):
    """Whether torch's function takes the handle as its name says, or leaves it to its owner, as it does up to now."""
    tensor = torch.empty(1, device="cpu")
    before = tensor._use_count()
    adopt(torch._C._aoti.unsafe_alloc_void_ptr_from_tensor(tensor))
    return tensor._use_count() == before


def _surroundings():
    """What the library needs of torch, in the order of direct.cc: the last ones are to answer False, None or 0."""
    adopt = torch._C._aoti.alloc_tensor_by_stealing_from_void_ptr
    return (
        torch.Tensor.__dlpack_c_exchange_api__,
        adopt,
        _steals(adopt),
        torch._C.TensorBase.is_neg,
        torch.Tensor,
        torch.nn.Parameter,
        float,
        int,
        bool,
        str,
        list,
        tuple,
        None,
        torch._C._len_torch_dispatch_stack,
        torch._C._len_torch_function_stack,
        torch._C._are_functorch_transforms_active,
        torch._C._get_tracing_state,
        torch._C._autograd._profiler_enabled,
    )


class Library:
    """The two functions of the operator library. REQUIRES: what they are given lives for ever."""

    def __init__(self, native):
        library = ctypes.PyDLL(native._name)
        library.strata_direct_setup.argtypes = [ctypes.py_object]
        self._make = library.strata_direct
        self._make.argtypes = [ctypes.c_char_p, ctypes.py_object, ctypes.py_object]
        self._make.restype = ctypes.py_object
        try:
            self._works = bool(library.strata_direct_setup(_surroundings()))
        except AttributeError:  # a torch that has not all of it
            self._works = False

    def make(self, name, slow):
        """The operator as a function of all its arguments by position, which nobody wants a gradient of; `slow` is the
        same by the dispatcher, and what comes back where there is no direct call."""
        return (self._make(name.encode(), slow, "strata.ops") if self._works else None) or slow
