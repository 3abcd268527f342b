"""Every operator of the kernel library as a function: `strata.ops.rms_norm(x, weight, eps=1e-6)`.

The functions, their fakes and their gradients are made from the library's own table, so an operator that is added to
kernels/ops is here without another line. `strata.ops.schemas` has the table; `strata.ops.definition(name)` the
operator's Python file (plain PyTorch definition and test samples).
"""

import importlib.util
import pathlib

import torch

from .. import _library
from . import _autograd, _direct, _fake, _front, _prepared, _schema, _tuning, _which
from ._prepared import prepared_weights

_table, _native = _library.load()
schemas = _schema.parse(_table)
_directly = _direct.Library(_native)
_native = _which.Library(_native)


def definition(name):
    """The module kernels/ops/<folder>/<folder>.py that belongs to an operator, or None."""
    folder = name.removesuffix("_backward").removesuffix("_training")
    for path in (
        pathlib.Path(__file__).parent / "_definitions" / f"{folder}.py",
        _library.ROOT / "kernels" / "ops" / folder / f"{folder}.py",
    ):
        if path.exists():
            spec = importlib.util.spec_from_file_location(f"strata.ops._definitions.{folder}", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return None


def which(name, *args, **attrs):
    """Which row of operator `name` (or of its front function) would run this call on this machine, and why not the ones
    before it. Tensors may be on the "meta" device: no data is read.

    Returns: a Choice: `.row` is the row that runs, `print` shows all. Raises RuntimeError as the call would.
    """
    return _native.which(schemas[getattr(name, "__name__", name)], *args, **attrs)


load_tuning = _native.load_tuning

caches = {}  # of prepared weights, by operator


def _below_autograd(schema):
    """The operator for callers that have seen to the gradient, by the cheapest road there is."""
    op, below_autograd = getattr(torch.ops.strata, schema.name).default, torch._C._AutoDispatchBelowAutograd

    def dispatched(*args):
        with below_autograd():
            return op(*args)

    return _directly.make(schema.name, dispatched)


def _install(schema):
    name = f"strata::{schema.name}"
    module = definition(schema.name) if not schema.name.endswith(("_backward", "_training")) else None
    torch.library.register_fake(name, _fake.make(schema, getattr(module, "fake", None)))
    rule = _autograd.make(schema, schemas, module)
    run = _below_autograd(schema)
    if schema.prepare >= 0:
        run, caches[schema.name] = _prepared.make(schema, run, _directly.make)
    function = None
    if rule is not None:
        _autograd.register(rule, _directly.make(schema.name, lambda *args: None))
        parts = (schemas.get(schema.name + part) for part in ("_backward", "_training"))
        function = _autograd.function(rule, run, *(part and _below_autograd(part) for part in parts))
    if hasattr(module, "apply"):  # autograd of its own, as lists need
        function = module
    return _front.make(schema, function, run)


for _name, _value in schemas.items():
    globals()[_name] = _install(_value)

_tuning.load_default(load_tuning)

__all__ = ["definition", "load_tuning", "prepared_weights", "schemas", "which", *schemas]
