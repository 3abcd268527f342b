"""What an operator computes for a SIMD target is private to its file.

Two files that each have a `BackwardRow` in strata::N_AVX3 are two definitions of one name: where the compiler does not
inline them, the linker keeps one for both, and softmax runs log_softmax's. So a file's functions stand in an unnamed
namespace; what files share is in a header.
"""

import os
import pathlib
import re

import pytest

_OPENS = re.compile(r"^namespace HWY_NAMESPACE \{\n(?!namespace \{\n)", re.MULTILINE)


def shared_names(text):
    """Whether a source file opens the target's namespace without an unnamed one in it."""
    return bool(_OPENS.search(text))


def test_functions_of_a_target_are_private_to_their_file():
    root = pathlib.Path(os.path.realpath("WORKSPACE")).parent
    files = {file: file.read_text(encoding="utf-8") for file in sorted((root / "kernels").rglob("*.cc"))}
    assert sum("namespace HWY_NAMESPACE" in text for text in files.values()) > 30, f"too few files below {root}"
    found = [file.relative_to(root).as_posix() for file, text in files.items() if shared_names(text)]
    assert not found, f"{', '.join(found)}: put `namespace {{` right behind `namespace HWY_NAMESPACE {{`"


@pytest.mark.parametrize(
    "text, shared",
    [
        ("namespace strata {\nnamespace HWY_NAMESPACE {\nnamespace {\n\nvoid F();\n", False),
        ("namespace strata {\nnamespace HWY_NAMESPACE {\n\nvoid F();\n", True),
        ("namespace strata {\nnamespace {\n\nvoid F();\n", False),
    ],
)
def test_tells_the_two_apart(text, shared):
    assert shared_names(text) is shared
