"""Autograd for every operator `f` that has an `f_backward` in the table, from the names of its arguments alone.

`f_backward` takes `grad_<output>` and any of f's inputs and outputs by name, then f's attributes, and gives
`grad_<input>`. An operator whose gradient needs no kernel says so in its Python file, kernels/ops/<op>/<op>.py:
`def backward(grads, inputs, attrs)` returns one gradient (or None) for every tensor input; `saves = ("x",)` there names
the inputs that it reads (all, where left out; the others come as None). `same_gradient = {"b": "a"}` says that the
gradient of the input b is that of a, which the backward gives, or that of an output a.

What a backward takes may cost the forward less than it costs the backward. Then an operator `f_training` gives f's
outputs and, after them, such tensors, which are optional inputs of `f_backward` by these names; eager mode runs it in
f's place where `keeps(*arguments)` of the Python file says so. An attribute `need_<input>` of a backward is 1 where
that gradient is asked for, else 0.

What runs at every call is written from the schema and compiled once, like the front functions: no loop over arguments.
"""

import types

import torch
from torch.autograd.function import once_differentiable

# `{below}` is where the two roads differ: see `function` and `register`.
_SOURCE = """
def forward(ctx, {arguments}):
    {below}
    {outputs} = output
    ctx.save_for_backward({saved})
    {constant}
    {keep_attrs}
    return output


def gradients(ctx, {grads}):
    {unused}
    {saved_again}
    {needed}
    {found}
    return {result}
"""

# The operator's kernel for torch's Autograd key. Torch leaves out trailing arguments that are at their defaults.
_KERNEL = """
def kernel(keyset, {parameters}):
    if is_grad_enabled() and ({needs_grad}):
        return apply(Function, {arguments}, keyset)
    {below}
    return output
"""

# `attempt` is the operator where the rest of the dispatcher has nothing to do, else it gives None.
_BELOW = """output = attempt({arguments})
    if output is None:
        with below_autograd():
            output = redispatch(keyset & after_autograd, {arguments})"""


def _tuple(names):
    return "(" + "".join(f"{name}, " for name in names) + ")"


def needs_grad(arg):
    """The source of "this argument wants a gradient"."""
    if arg.list:
        return f"any(t.requires_grad for t in {arg.name})"
    return f"({arg.name} is not None and {arg.name}.requires_grad)" if arg.optional else f"{arg.name}.requires_grad"


class _Rule:
    """How one operator saves what its gradient needs, and computes it."""

    def __init__(self, schema, schemas, module):
        self.schema, self.backward_schema = schema, schemas.get(schema.name + "_backward")
        self.custom, self.keeps = getattr(module, "backward", None), getattr(module, "keeps", None)
        self.same = getattr(module, "same_gradient", {})
        self.inputs = [a.name for a in schema.inputs]
        self.attrs = [a.name for a in schema.attrs]
        self.outputs = [a.name for a in schema.outputs]
        if self.custom is None:
            taken = [a.name for a in self.backward_schema.inputs]
            self.needs = [name for name in taken if not name.startswith("grad_")]
            # An output whose gradient the backward does not take (statistics kept for it, say) has none.
            self.constant = [name for name in self.outputs if "grad_" + name not in taken]
        else:
            saves = getattr(module, "saves", self.inputs)
            self.needs, self.constant = [name for name in self.inputs if name in saves], []
        self.kept = [name for name in self.needs if name not in self.inputs + self.outputs]  # by f_training

    def _found(self):
        """The source that computes gradients, and that of the tuple of them, one for each argument of the operator."""
        grads, nothing = ["grad_" + name for name in self.outputs], ["None"] * len(self.attrs)
        if self.custom is not None:
            inputs = _tuple(name if name in self.needs else "None" for name in self.inputs)
            return f"found = custom({_tuple(grads)}, {inputs}, ctx.attrs)", ", ".join(["*found", *nothing])
        needed = {f"need_{name}": f"int(needed[{at}])" for at, name in enumerate(self.inputs)}
        attrs = needed | {name: f"ctx.attrs[{at}]" for at, name in enumerate(self.attrs)}
        names = [a.name for a in self.backward_schema.inputs] + [attrs[a.name] for a in self.backward_schema.attrs]
        made = [a.name for a in self.backward_schema.outputs]
        found = f"{_tuple(made) if len(made) > 1 else made[0]} = backward({', '.join(names)})"
        # Torch drops a gradient that nobody asked for, but wants None for what was no tensor.
        asks = any(a.name in needed for a in self.backward_schema.attrs)
        results = []
        for at, arg in enumerate(self.schema.inputs):
            name = "grad_" + self.same.get(arg.name, arg.name)
            name = name if name in made + grads else "None"
            results.append(f"{name} if needed[{at}] else None" if arg.optional or asks else name)
        return found, ", ".join([*results, *nothing])

    def functions(self, below, scope, extra=()):
        """(forward, gradients). `below` computes `output` and what is kept; `extra`: one more argument of the call,
        behind the others."""
        found, result = self._found()
        attrs = "{" + ", ".join(f'"{a}": {a}' for a in self.attrs) + "}" if self.custom else _tuple(self.attrs)
        constant, unused = f"ctx.mark_non_differentiable({', '.join(self.constant)})", "pass"
        varying = [name for name in self.outputs if name not in self.constant]
        if len(varying) == 1 < len(self.outputs):
            # No zeros are made for outputs that have no gradient.
            constant += "; ctx.set_materialize_grads(False)"
            unused = f"if grad_{varying[0]} is None: return (None,) * {len(self.schema.signature) + len(extra)}"
        source = _SOURCE.format(
            arguments=", ".join([*self.schema.signature, *extra]),
            below=below,
            outputs=_tuple(self.outputs) if len(self.outputs) > 1 else self.outputs[0],
            saved=", ".join(self.needs),
            constant=constant if self.constant else "pass",
            unused=unused,
            keep_attrs=f"ctx.attrs = {attrs}" if self.attrs or self.custom else "pass",
            grads=", ".join("grad_" + name for name in self.outputs),
            saved_again=f"{_tuple(self.needs)} = ctx.saved_tensors" if self.needs else "pass",
            needed="needed = ctx.needs_input_grad" if "needed[" in found + result else "pass",
            found=found,
            result=", ".join([result, *("None" for _ in extra)]) + ",",
        )
        scope = {"custom": self.custom, **scope}
        exec(compile(source, f"<strata.ops.{self.schema.name}: autograd>", "exec"), scope)
        return scope["forward"], scope["gradients"]

    def class_of(self, forward, backward):
        members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
        return type(self.schema.name, (torch.autograd.Function,), members)


class _ListRule:
    """The same for an operator that takes lists and has its gradient in Python, which returns a list for a list."""

    def __init__(self, schema, custom):
        self.schema, self.custom = schema, custom

    def setup(self, ctx, inputs, output):
        count = len(self.schema.inputs)
        ctx.lengths = [len(value) if arg.list else None for arg, value in zip(self.schema.inputs, inputs)]
        lists = (value if arg.list else [value] for arg, value in zip(self.schema.inputs, inputs))
        ctx.save_for_backward(*(tensor for some in lists for tensor in some))
        ctx.attrs = dict(zip((a.name for a in self.schema.attrs), inputs[count:]))
        # Torch counts no trailing attributes at their defaults, and wants as many gradients as it counts arguments.
        ctx.given = max((at + 1 for at, a in enumerate(self.schema.attrs) if ctx.attrs[a.name] != a.default), default=0)

    def gradients(self, ctx, *grads):
        saved = iter(ctx.saved_tensors)
        inputs = [next(saved) if n is None else [next(saved) for _ in range(n)] for n in ctx.lengths]
        return (*self.custom(tuple(grads), tuple(inputs), ctx.attrs), *[None] * ctx.given)


def make(schema, schemas, module):
    """The rule of an operator whose Python file is `module` (or None), or None where it has no gradient."""
    custom = getattr(module, "backward", None)
    if not schema.plain:  # save_for_backward takes single tensors
        lists_alone = not schema.mutates and all(a.kind != "text" for a in schema.attrs)
        return _ListRule(schema, custom) if custom is not None and lists_alone else None
    backward = schemas.get(schema.name + "_backward")
    if backward is None and custom is None:
        return None
    return _Rule(schema, schemas, module)


def _apply(function, *args):
    """`function.apply` without its Python part, which is there for torch.func's transforms."""
    if torch._C._are_functorch_transforms_active():
        return function.apply(*args)
    return super(torch.autograd.Function, function).apply(*args)


_library = torch.library.Library("strata", "IMPL")


def register(rule, attempt):
    """For torch.compile, export and whoever calls torch.ops.strata directly. `attempt` is the operator called directly
    (_direct.py), or gives None."""
    schema = rule.schema
    if isinstance(rule, _ListRule):
        torch.library.register_autograd(f"strata::{schema.name}", rule.gradients, setup_context=rule.setup)
        return
    # What torch.library.register_autograd does, at half the cost of a call.
    op = getattr(torch.ops.strata, schema.name).default
    arguments = ", ".join(schema.signature)
    scope = {
        "attempt": attempt,
        "redispatch": op.redispatch,
        "after_autograd": torch._C._after_autograd_keyset,
        "below_autograd": torch._C._AutoDispatchBelowAutograd,
    }
    if rule.custom is None:
        scope["backward"] = getattr(torch.ops.strata, rule.backward_schema.name).default
    below = _BELOW.format(arguments=arguments)
    kept = "".join(f"{name} = None; " for name in rule.kept)
    forward, gradients = rule.functions(f"{kept}\n    {below}", scope, extra=["keyset"])
    parameters = [a.name + ("=None" if a.optional else "") for a in schema.inputs]
    source = _KERNEL.format(
        parameters=", ".join([*parameters, *(f"{a.name}={a.default!r}" for a in schema.attrs)]),
        needs_grad=" or ".join(needs_grad(a) for a in schema.inputs if a.type == "T"),
        arguments=arguments,
        below=below,
    )
    scope |= {
        "Function": rule.class_of(forward, gradients),
        "apply": _apply,
        "is_grad_enabled": torch.is_grad_enabled,
    }
    exec(compile(source, f"<strata.ops.{schema.name}: autograd>", "exec"), scope)
    _library.impl(schema.name, scope["kernel"], "Autograd", with_keyset=True)


# Where an operator f_training is, which keeps what the backward needs.
_TRAINING = """if keeps({arguments}):
        {outputs}, {kept} = training({arguments})
        output = {outputs}
    else:
        {nothing}
        output = run({arguments})"""


def function(rule, run, backward, training):
    """The same in eager mode, at half the cost of a call: `apply(*args)`. `run` is the forward, `backward` and
    `training` the operators of these names or None, all below autograd."""
    if isinstance(rule, _ListRule):
        # An autograd.Function does not look into lists; what is registered does.
        return types.SimpleNamespace(apply=getattr(torch.ops.strata, rule.schema.name).default)
    arguments, below = ", ".join(rule.schema.signature), "output = run({arguments})"
    if rule.keeps is not None:
        below = _TRAINING
    below = below.format(
        arguments=arguments,
        outputs=", ".join(rule.outputs),
        kept=", ".join(rule.kept),
        nothing="; ".join(f"{name} = None" for name in rule.kept),
    )
    scope = {"run": run, "backward": backward, "training": training, "keeps": rule.keeps}
    forward, gradients = rule.functions(below, scope)
    once, is_grad_enabled = once_differentiable(gradients), torch.is_grad_enabled

    def differentiate(ctx, *grads):
        # Only create_graph=True has gradients enabled here, and then this gives the error of a second derivative.
        return once(ctx, *grads) if is_grad_enabled() else gradients(ctx, *grads)

    made, active = rule.class_of(forward, differentiate), torch._C._are_functorch_transforms_active
    cheap = super(torch.autograd.Function, made).apply

    # As _apply; a partial of it costs more.
    def apply(*args):
        return made.apply(*args) if active() else cheap(*args)

    return types.SimpleNamespace(apply=apply)
