"""The front function of an operator, `strata.ops.<op>`: real argument names, defaults, and the cheapest way down.

Compiling or exporting: the plain op. A gradient is needed: an autograd.Function. Otherwise: a direct call (_direct.py).
The source is written from the schema and compiled once, so that a call costs no loop over arguments.
"""

import torch

from ._autograd import needs_grad

_SOURCE = """
def {name}({parameters}):
    {encode}
    if is_compiling():
        return op({call})
    if is_grad_enabled() and ({needs_grad}):
        return apply({call})
    return run({call})
"""

# Nothing to differentiate; whoever keeps something made from the tensors (autograd, caches) sees that they changed.
_MUTATING_SOURCE = """
def {name}({parameters}):
    {encode}
    if is_compiling():
        return op({call})
    with below_autograd():
        result = op({call})
    increment_version([{mutated}])
    return result
"""


def _parameter(arg):
    return arg.name + ("" if not arg.optional else "=()" if arg.list else "=None")


def _default(attr):
    return repr(attr.decode(attr.default))


def _doc(schema):
    lines = [schema.doc, "", "Args:"]
    for arg in schema.inputs:
        shape = " ".join((("*",) if arg.leading else ()) + arg.dims)
        note = {"index": f", values in [0, {arg.bound})", "offsets": f", run ends from 0 to {arg.bound}"}.get(
            arg.rule, ""
        )
        optional = (" or empty" if arg.list else " or None") if arg.optional else ""
        what = ("list of " if arg.list else "") + f"[{shape}]" + (", written to," if arg.mutated else "")
        lines.append(f"    {arg.name}: {what} {'|'.join(arg.dtypes)}{note}{optional}")
    for attr in schema.attrs:
        lines.append(f"    {attr.name}: {'|'.join(attr.choices) if attr.choices else attr.kind}")
    shapes = ["[" + " ".join((("*",) if o.leading else ()) + o.dims) + "]" for o in schema.outputs]
    if any(o.list for o in schema.outputs):
        shapes = ["a list of tensors"]
    returns = f"Returns: {', '.join(shapes) or 'nothing'}"
    return "\n".join([*lines, "", returns, "", "Raises: RuntimeError that names the argument."])


def make(schema, function, run):
    """The front function; `function` is the autograd.Function, or None where there is no gradient. `run` computes below
    autograd."""
    op = getattr(torch.ops.strata, schema.name).default
    floats = [a for a in schema.inputs if a.type == "T" or a.list]
    wanted = " or ".join(map(needs_grad, floats))
    encode = [f"{a.name} = encode_{a.name}({a.name})" for a in schema.attrs if a.kind == "choice"]
    mutated = (("*" if a.list else "") + a.name for a in schema.inputs if a.mutated)
    source = (_MUTATING_SOURCE if schema.mutates else _SOURCE).format(
        name=schema.name,
        parameters=", ".join([*map(_parameter, schema.inputs), *(f"{a.name}={_default(a)}" for a in schema.attrs)]),
        encode="\n    ".join(encode) or "pass",
        needs_grad=wanted if function is not None and floats else "False",
        call=", ".join(schema.signature),
        mutated=", ".join(mutated),
    )
    scope = {
        "op": op,
        "run": run,
        "apply": function.apply if function is not None else None,
        "increment_version": torch.autograd.graph.increment_version,
        "is_compiling": torch.compiler.is_compiling,
        "is_grad_enabled": torch.is_grad_enabled,
        "below_autograd": torch._C._AutoDispatchBelowAutograd,
        **{f"encode_{a.name}": a.encode for a in schema.attrs if a.kind == "choice"},
    }
    exec(compile(source, f"<strata.ops.{schema.name}>", "exec"), scope)
    front = scope[schema.name]
    front.__doc__, front.__module__ = _doc(schema), "strata.ops"
    return front
