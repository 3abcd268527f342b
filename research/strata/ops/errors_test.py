"""A wrong call of any operator is a Python exception that names the operator, the argument, what it had and what was
wanted."""

import re

import pytest
import torch
from kernels.testing import op_cases
from torch._subclasses import FakeTensorMode

from strata import ops

ARGUMENTS = [(name, arg.name) for name in op_cases.names() for arg in ops.schemas[name].inputs]
VALUES = [(name, arg.name) for name in op_cases.names() for arg in ops.schemas[name].inputs if arg.rule]


def call_with(name, arg):
    """A sample of the operator in which the argument is present."""
    for at in (at for n, at in op_cases.ids() if n == name):
        call = op_cases.call(name, at)
        if argument(call, arg)[1] is not None:
            return call
    raise AssertionError(f"no sample of {name} has {arg}")


def argument(call, name):
    at = [a.name for a in call.schema.inputs].index(name)
    return call.schema.inputs[at], call.args[at]


def refused(call, *words):
    with pytest.raises(RuntimeError) as error:
        call.run()
    text = str(error.value)
    assert f"strata::{call.name}: " in text
    for word in words:
        assert re.search(word, text), f"{word!r} is not in {text!r}"


def fake(call):
    with FakeTensorMode() as mode:
        return call.replaced(**{
            a.name: mode.from_tensor(t) for a, t in zip(call.schema.inputs, call.args) if t is not None
        })


def both_refuse(call, *words):
    """The kernel and the fake."""
    refused(call, *words)
    with FakeTensorMode(allow_non_fake_inputs=True):
        refused(fake(call), *words)


@pytest.mark.parametrize("name,arg", ARGUMENTS)
def test_wrong_rank(name, arg):
    call = call_with(name, arg)
    spec, tensor = argument(call, arg)
    if spec.leading and not spec.dims:
        wrong = tensor.unsqueeze(0)  # any rank is right for the first of its kind: then the next is wrong
        others = [a for a in call.schema.inputs if a.leading]
        if len(others) == 1:
            return
    elif tensor.dim() == 0:
        wrong = tensor.unsqueeze(0)
    else:
        wrong = tensor[0] if spec.leading and tensor.dim() == len(spec.dims) else tensor.flatten()[0]
    both_refuse(call.replaced(**{arg: wrong}), r" has shape \[.*\], wanted ")


@pytest.mark.parametrize("name,arg", ARGUMENTS)
def test_every_dim_that_another_argument_shares_must_agree(name, arg):
    call = call_with(name, arg)
    spec, tensor = argument(call, arg)
    inputs = [a for a, t in zip(call.schema.inputs, call.args) if t is not None]
    for at, dim in enumerate(spec.dims):
        letters = set(re.findall(r"[A-Z]\w*", dim))
        sharing = [a.name for a in inputs if letters & set(re.findall(r"[A-Z]\w*", " ".join(a.dims)))]
        if len(sharing) < 2 or spec.rule == "offsets":
            continue
        axis = tensor.dim() - len(spec.dims) + at
        longer = torch.cat([tensor, tensor.narrow(axis, 0, 1)], axis)
        shape = rf"({'|'.join(sharing)}) has shape \[.*\], wanted \[.*\]"
        rule = rf"{re.escape(dim)} is \d+, wanted |wanted {re.escape(dim)} "  # of a dim that nothing else fixes
        both_refuse(call.replaced(**{arg: longer}), rf"{shape}|{rule}")


@pytest.mark.parametrize("name,arg", ARGUMENTS)
def test_a_dtype_that_the_operator_does_not_take(name, arg):
    call = call_with(name, arg)
    spec, tensor = argument(call, arg)
    both_refuse(call.replaced(**{arg: tensor.to(torch.int16)}), rf"{arg} has dtype int16, wanted {spec.dtypes[0]}")
    if spec.type == "T" and "float16" not in spec.dtypes:
        both_refuse(call.replaced(**{arg: tensor.to(torch.float16)}), rf"{arg} has dtype float16, wanted .*float32")


@pytest.mark.parametrize("name,arg", ARGUMENTS)
def test_mixed_dtypes(name, arg):
    call = call_with(name, arg)
    spec, tensor = argument(call, arg)
    if sum(a.type == spec.type == "T" for a in call.schema.inputs) > 1:
        both_refuse(call.replaced(**{arg: tensor.double()}), r" has dtype float(32|64), wanted float(32|64)")


@pytest.mark.parametrize("name,arg", ARGUMENTS)
def test_another_device(name, arg):
    call = call_with(name, arg)
    if sum(t is not None for t in call.args) > 1:
        elsewhere = call.replaced(**{arg: argument(call, arg)[1].to("meta")})
        refused(elsewhere, r" is on (meta|cpu), wanted (meta|cpu)")


@pytest.mark.parametrize("name,arg", VALUES)
def test_integers_out_of_range(name, arg):
    call = call_with(name, arg)
    spec, tensor = argument(call, arg)
    for wrong in (-1, 10**6):
        changed = tensor.clone()
        changed.view(-1)[-1] = wrong
        refused(call.replaced(**{arg: changed}), rf"{arg} has {wrong} at position \d+, wanted ")
    if spec.rule == "offsets":
        refused(call.replaced(**{arg: tensor + 1}), rf"{arg} has \d+ at position 0, wanted 0")


@pytest.mark.parametrize("name", [n for n in op_cases.names() if any(a.kind == "choice" for a in ops.schemas[n].attrs)])
def test_a_word_that_is_no_choice(name):
    call = op_cases.call(name, 0)
    attr = next(a for a in call.schema.attrs if a.kind == "choice")
    with pytest.raises(ValueError, match=rf"{attr.name} is 'nonsense', wanted one of {attr.choices[0]}"):
        getattr(ops, name)(*call.args, **{attr.name: "nonsense"})


def test_a_missing_library_says_how_to_build_it(monkeypatch, tmp_path):
    from strata import _library

    monkeypatch.setattr(_library, "_folders", lambda: [tmp_path])
    with pytest.raises(ImportError, match="libstrata_cpu.so was not found in .*bazel build //kernels/torch:libraries"):
        _library.load()
