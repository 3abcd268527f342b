"""pointwise in plain PyTorch: an interpreter of its programs, the definition that the tests compare the kernel with."""

import re

import torch

DTYPES = ("float32", "bfloat16", "float16", "float64", "int32", "int64", "uint8", "bool")
_COMPARE = {"eq", "ne", "lt", "le", "gt", "ge"}
_RANDOM = {"random_bits": torch.int32, "uniform": torch.float32, "normal": torch.float32}
_OPS = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "min": torch.minimum, "max": torch.maximum,
    "neg": torch.neg, "abs": torch.abs, "sign": torch.sign, "pow": torch.pow, "floor": torch.floor, "ceil": torch.ceil,
    "round": torch.round, "trunc": torch.trunc, "reciprocal": torch.reciprocal, "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt, "exp": torch.exp, "expm1": torch.expm1, "log": torch.log, "log1p": torch.log1p,
    "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh, "erf": torch.erf, "normal_cdf": torch.special.ndtr,
    "sigmoid": torch.sigmoid, "silu": torch.nn.functional.silu, "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda a: torch.nn.functional.gelu(a, approximate="tanh"),
    "eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt,
    "ge": torch.ge, "and": torch.logical_and, "or": torch.logical_or, "xor": torch.logical_xor,
    "not": torch.logical_not, "select": torch.where, "fma": lambda a, b, c: a * b + c,
}  # fmt: skip


def statements(program):
    """(dtypes of the inputs, [(operation, operands as text)], names of the outputs); a valid program is assumed."""
    first, *rest, last = program.split("; ")
    code = [re.fullmatch(r"v\d+ = (\w+)\((.*)\)", statement).groups() for statement in rest]
    dtypes = [getattr(torch, word.split(" ")[0]) for word in first.split(", ")]
    return dtypes, [(op, operands.split(", ")) for op, operands in code], last.removeprefix("return ").split(", ")


def result_dtypes(program):
    """The dtype of every value by name."""
    inputs, code, _ = statements(program)
    types = {f"x{i}": dtype for i, dtype in enumerate(inputs)}
    for i, (op, operands) in enumerate(code):
        if op in DTYPES:
            result = getattr(torch, op)
        elif op in _COMPARE:
            result = torch.bool
        elif op in _RANDOM:
            result = _RANDOM[op]
        else:
            result = next(types[o] for o in operands[op == "select":] if o in types)
        types[f"v{i}"] = result
    return types


def fake(inputs, program):
    """Outputs of the right shape and dtype."""
    shape = torch.broadcast_shapes(*(t.shape for t in inputs))
    types, outputs = result_dtypes(program), statements(program)[2]
    return [torch.empty(shape, dtype=types[name], device=inputs[0].device) for name in outputs]


def apply(inputs, program):
    """With a gradient: strata.pointwise."""
    from strata import pointwise

    return list(pointwise.run(program, inputs))


def _literal(text, dtype):
    if text in ("true", "false"):
        return torch.tensor(text == "true")
    # Of the type that the instruction computes in.
    wide = torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype
    return torch.tensor(float(text) if dtype.is_floating_point else int(text), dtype=wide)


def eager(inputs, program):
    """Without random numbers, which PyTorch cannot draw."""
    _, code, outputs = statements(program)
    values, types = {f"x{i}": t for i, t in enumerate(inputs)}, result_dtypes(program)
    shape = torch.broadcast_shapes(*(t.shape for t in inputs))
    for i, (op, operands) in enumerate(code):
        if op in DTYPES:
            values[f"v{i}"] = values[operands[0]].to(getattr(torch, op))
            continue
        own = next(types[o] for o in operands[op == "select":] if o in types)
        narrow = own in (torch.bfloat16, torch.float16)
        args = [values[o] if o in values else _literal(o, own) for o in operands]
        if narrow:  # computed in float32, rounded once
            args = [a.float() if a.is_floating_point() else a for a in args]
        values[f"v{i}"] = _OPS[op](*args).to(types[f"v{i}"])
    return [values[name].expand(shape).contiguous() for name in outputs]


def samples(make):
    """Calls for the generated tests; they are in pointwise_test.py."""
    yield ([make(3, 8)], "float32 x0; v0 = exp(x0); return v0"), {}
