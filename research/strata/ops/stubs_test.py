"""The committed type stubs say what the operators' table says."""

import ast
import inspect

from strata import ops
from strata.ops import stubs


def test_the_stub_file_is_fresh():
    assert stubs.PATH.read_text() == stubs.text(), "run `python -m strata.ops.stubs`"


def test_the_stub_has_the_signature_of_every_front_function():
    tree = ast.parse(stubs.text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(functions) == set(ops.schemas) | {"definition"}
    for name in ops.schemas:
        parameters = inspect.signature(getattr(ops, name)).parameters
        arguments = functions[name].args
        assert [a.arg for a in arguments.args] == list(parameters)
        defaults = [ast.literal_eval(d) for d in arguments.defaults]
        assert defaults == [p.default for p in parameters.values() if p.default is not inspect.Parameter.empty]


def test_lines_fit():
    assert max(map(len, stubs.text().splitlines())) <= 120
