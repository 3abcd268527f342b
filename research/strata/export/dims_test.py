"""Torch's symbolic sizes as text that a plan can hold."""

import pytest
import sympy
from torch.utils._sympy.functions import FloorDiv, Mod

from strata.export._dims import Dims
from strata.export._errors import ExportError
from strata.ops._schema import evaluate

B, N = sympy.symbols("s0 s1", positive=True, integer=True)


@pytest.fixture
def dims():
    made = Dims()
    made.add(B, "B", 1, 64)
    made.add(N, "N", 1, 64)
    return made


@pytest.mark.parametrize("size", [
    sympy.Integer(7), B, B + 1, B - 1, 3 * N, 3 * (B + 2), B * N, B + N, 2 * B * N - 5, FloorDiv(B + 1, 2), Mod(N, 4),
    3 * FloorDiv(N, 2) + 1, N - B, -B + 64, N * N,
])
def test_the_text_has_the_value_of_the_expression(dims, size):
    text = dims.text(size)
    for b, n in ((1, 1), (2, 5), (7, 13)):
        want = int(size.subs({B: b, N: n}))
        assert (text if isinstance(text, int) else evaluate(text, {"B": b, "N": n})) == want, text


def test_common_forms_read_well(dims):
    assert [dims.text(s) for s in (B, B + 1, 3 * N, 5)] == ["B", "B+1", "3*N", 5]
    assert [dims.text(s) for s in (64 - B, N - B - 1, 3 * N - 2)] == ["64-B", "N-B-1", "(3*N)-2"]


def test_what_a_plan_cannot_say_is_refused(dims):
    with pytest.raises(ExportError, match="depends on the values of tensors"):
        dims.text(sympy.Symbol("u0", integer=True))
    with pytest.raises(ExportError, match="needs Max, which a plan cannot say"):
        dims.text(sympy.Max(B, N))
