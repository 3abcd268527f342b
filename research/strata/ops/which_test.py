"""Which row runs, and the tuning table, against calls that really run."""

import pytest
import torch
from kernels.testing import op_cases

from strata import ops


@pytest.mark.parametrize("name,at", op_cases.ids())
def test_names_one_row_for_every_call(name, at):
    call = op_cases.call(name, at)
    choice = ops.which(name, *call.args, **call.attrs)
    assert sum(row.runs for row in choice.rows) == 1
    assert choice.row.row in {v["name"] for v in ops.schemas[name].variants}
    assert choice.rows[-1].row == "ref"


def test_takes_a_front_function_and_meta_tensors():
    x, w = torch.empty(2, 3, 64, device="meta"), torch.empty(64, device="meta")
    choice = ops.which(ops.rms_norm, x, w, eps=1e-5)
    assert choice.key == "rms_norm float32 *=8 D=64"
    assert choice.row == ops.which("rms_norm", torch.ones(6, 64), torch.ones(64)).row
    assert str(choice).splitlines()[1].startswith(f"-> {choice.row.row}")


def test_a_wrong_call_is_refused_as_the_operator_refuses_it():
    x = torch.ones(2, 3)
    for bad in (torch.ones(4), torch.ones(3, dtype=torch.float64), torch.ones(1, 3)):
        with pytest.raises(RuntimeError) as from_which:
            ops.which("rms_norm", x, bad)
        with pytest.raises(RuntimeError) as from_call:
            ops.rms_norm(x, bad)
        assert str(from_which.value).splitlines()[0] == str(from_call.value).splitlines()[0]
    with pytest.raises(RuntimeError, match="complex64"):
        ops.which("rms_norm", x.to(torch.complex64), x)
    with pytest.raises(TypeError, match="rms_norm has no argument epsilon"):
        ops.which("rms_norm", x, torch.ones(3), epsilon=1)
    with pytest.raises(KeyError):
        ops.which("no_such_op", x)


def test_a_tuning_table_is_checked():
    ops.load_tuning("# nothing\n")
    with pytest.raises(ValueError, match='line 2: there is no op "nothing"'):
        ops.load_tuning("\nnothing float32 K=8 simd")
    ops.load_tuning("rms_norm float32 *=8 D=64 ref\n")
    try:
        # The reference is of a class of its own: a table never changes a result.
        assert ops.which("rms_norm", torch.ones(6, 64), torch.ones(64)).row.row != "ref"
    finally:
        ops.load_tuning("")
