"""The committed type stubs say what the operators' table says."""

import ast
import inspect

from strata import ops
from strata.ops import stubs


def test_what_the_stub_file_says_is_still_true():
    # An operator that was added since is covered by __getattr__: adding one touches its folder and one line.
    parts = stubs.text().split("\ndef ")
    old = [part for part in stubs.PATH.read_text().split("\ndef ") if part not in parts]
    assert not old, "run `python -m strata.ops.stubs`"


def test_the_stub_has_the_signature_of_every_front_function():
    tree = ast.parse(stubs.text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(functions) == set(ops.schemas) | {
        "definition", "load_tuning", "prepared_weights", "which", "__getattr__"
    }
    for name in ops.schemas:
        parameters = inspect.signature(getattr(ops, name)).parameters
        arguments = functions[name].args
        assert [a.arg for a in arguments.args] == list(parameters)
        defaults = [ast.literal_eval(d) for d in arguments.defaults]
        assert defaults == [p.default for p in parameters.values() if p.default is not inspect.Parameter.empty]


def test_lines_fit():
    assert max(map(len, stubs.text().splitlines())) <= 120
