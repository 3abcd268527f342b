"""The front function of an operator, `strata.ops.<op>`: real argument names, defaults, and the cheapest way down.

Compiling or exporting: the plain op. A gradient is needed: an autograd.Function. Otherwise: the op below autograd.
The source is written from the schema and compiled once, so that a call costs no loop over arguments.
"""

import torch

_SOURCE = """
def {name}({parameters}):
    {encode}
    if is_compiling():
        return op({call})
    if is_grad_enabled() and ({needs_grad}):
        return apply({call})
    with below_autograd():
        return op({call})
"""


def _parameter(arg):
    return arg.name + ("=None" if arg.optional else "")


def _default(attr):
    return repr(attr.decode(attr.default))


def _doc(schema):
    lines = [schema.doc, "", "Args:"]
    for arg in schema.inputs:
        shape = " ".join((("*",) if arg.leading else ()) + arg.dims)
        note = {"index": f", values in [0, {arg.bound})", "offsets": f", run ends from 0 to {arg.bound}"}.get(
            arg.rule, ""
        )
        optional = " or None" if arg.optional else ""
        lines.append(f"    {arg.name}: [{shape}] {'|'.join(arg.dtypes)}{note}{optional}")
    for attr in schema.attrs:
        lines.append(f"    {attr.name}: {'|'.join(attr.choices) if attr.choices else attr.kind}")
    shapes = ["[" + " ".join((("*",) if o.leading else ()) + o.dims) + "]" for o in schema.outputs]
    return "\n".join([*lines, "", f"Returns: {', '.join(shapes)}", "", "Raises: RuntimeError that names the argument."])


def make(schema, function):
    """The front function; `function` is the autograd.Function, or None where there is no gradient."""
    op = getattr(torch.ops.strata, schema.name).default
    floats = [a for a in schema.inputs if a.type == "T"]
    needs_grad = " or ".join(
        f"({a.name} is not None and {a.name}.requires_grad)" if a.optional else f"{a.name}.requires_grad"
        for a in floats
    )
    encode = [f"{a.name} = encode_{a.name}({a.name})" for a in schema.attrs if a.kind == "choice"]
    source = _SOURCE.format(
        name=schema.name,
        parameters=", ".join([*map(_parameter, schema.inputs), *(f"{a.name}={_default(a)}" for a in schema.attrs)]),
        encode="\n    ".join(encode) or "pass",
        needs_grad=needs_grad if function is not None and floats else "False",
        call=", ".join(schema.signature),
    )
    scope = {
        "op": op,
        "apply": function.apply if function is not None else None,
        "is_compiling": torch.compiler.is_compiling,
        "is_grad_enabled": torch.is_grad_enabled,
        "below_autograd": torch._C._AutoDispatchBelowAutograd,
        **{f"encode_{a.name}": a.encode for a in schema.attrs if a.kind == "choice"},
    }
    exec(compile(source, f"<strata.ops.{schema.name}>", "exec"), scope)
    front = scope[schema.name]
    front.__doc__, front.__module__ = _doc(schema), "strata.ops"
    return front
