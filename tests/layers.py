"""Who may include whom: docs/design's picture of the layers as a table, and the check of one file against it.

Not a build check: Bazel's visibility and //tests:layering_test guard targets; this reads the #include lines, so that
a header that slips in through /usr/include or a copied line is found as well.

    layers.faults("kernels/core/invoke.cc", ['#include <absl/strings/str_cat.h>'])
    # ["kernels/core/invoke.cc:1: includes absl/strings/str_cat.h: kernels must not use absl"]
"""

import re

_KERNEL_PARTS = ["kernels/base", "kernels/core", "kernels/simd", "kernels/dot", "kernels/cuda", "kernels/ops"]

# Folder: the other folders that its files may include. A folder always may include itself.
MAY_INCLUDE = {
    "kernels/base": [],
    "kernels/core": ["kernels/base"],
    "kernels/simd": ["kernels/base", "kernels/core"],
    "kernels/dot": ["kernels/base", "kernels/core", "kernels/simd"],
    "kernels/cuda": ["kernels/base", "kernels/core"],
    "kernels/ops": ["kernels/base", "kernels/core", "kernels/simd", "kernels/dot", "kernels/cuda"],
    "kernels/testing": _KERNEL_PARTS,
    "kernels/bench": _KERNEL_PARTS,
    "kernels/torch": _KERNEL_PARTS,
    "systems/base": ["kernels/base"],
    "systems/protocol": ["kernels/base", "systems/base"],
    "systems/text": ["kernels/base", "systems/base"],
    "systems/net": ["kernels/base", "systems/base", "systems/protocol"],
    "systems/formats": ["kernels/base", "kernels/core", "kernels/ops"],
    "systems/runtime": ["kernels/base", "kernels/core", "kernels/ops", "systems/base", "systems/formats"],
    "systems/batching": ["kernels/base", "systems/base", "systems/formats", "systems/runtime"],
    "systems/admin": ["kernels/base", "systems/base", "systems/protocol"],
    "systems/models": [
        "kernels/base", "kernels/core", "systems/admin", "systems/base", "systems/batching", "systems/formats",
        "systems/protocol", "systems/runtime", "systems/text",
    ],
}
# Wiring: it may include every other part.
MAY_INCLUDE["systems/server"] = ["kernels/base", "kernels/core"] + [f for f in MAY_INCLUDE if f.startswith("systems/")]

# What no file of a layer may take from outside the tree.
_PYTHON_SIDE = ["torch", "ATen", "c10", "caffe2", "pybind11", "Python.h"]
FORBIDDEN = {
    "kernels/torch": ["boost", "absl", "ATen", "c10", "caffe2", "pybind11", "Python.h"],
    "kernels": ["boost", "absl", "simdjson.h", "unicode", "prometheus", "spdlog"] + _PYTHON_SIDE,
    "systems": _PYTHON_SIDE,
}

_INCLUDE = re.compile(r'^\s*#\s*include(?:_next)?\s*([<"])([^">]+)[">]')
_TEST_FILE = re.compile(r"_(test|tests|bench|fuzz|test_util|tester)\.\w+$")


def folder_of(path):
    """kernels/ops for kernels/ops/rms_norm/rms_norm.h, and the like."""
    return "/".join(path.split("/")[:2])


def _fault(path, kind, included):
    """What is wrong with one include, or None."""
    top = path.split("/")[0]
    first = included.split("/")[0]
    if first in ("kernels", "systems", "research", "integration", "tests"):
        return _layer_fault(path, included)
    if included.startswith(".") or (kind == '"' and "/" not in included):
        return "name it by its full path from the root, or in <> if it is not ours"
    scope = folder_of(path) if folder_of(path) in FORBIDDEN else top
    if first in FORBIDDEN.get(scope, []):
        return f"{scope} must not use {first}"
    return None


def _layer_fault(path, included):
    mine, theirs = folder_of(path), folder_of(included)
    if theirs.split("/")[0] in ("research", "integration", "tests"):
        return f"nothing may depend on {theirs.split('/')[0]}"
    if mine.startswith(("integration", "tests", "research", "tools")):
        return None
    if mine == theirs:
        return _op_fault(path, included)
    if theirs == "kernels/testing":
        return None if _TEST_FILE.search(path) else "only tests and benches may use kernels/testing"
    if mine not in MAY_INCLUDE:
        return f"{mine} is in no layer: give it a line in tests/layers.py"
    if theirs not in MAY_INCLUDE[mine]:
        return f"{mine} may include only {', '.join(MAY_INCLUDE[mine]) or 'itself'}"
    return None


def _op_fault(path, included):
    """Ops do not know each other. Files right in kernels/ops (the table) know them all."""
    mine, theirs = path.split("/"), included.split("/")
    if mine[:2] != ["kernels", "ops"] or len(mine) == 3 or len(theirs) == 3 or mine[2] == theirs[2]:
        return None
    return "an op must not include another op: share through kernels/simd or kernels/cuda"


def faults(path, lines):
    """One sentence, with file and line, for every include of the file that breaks a rule."""
    found = []
    for number, line in enumerate(lines, 1):
        include = _INCLUDE.match(line)
        fault = _fault(path, *include.groups()) if include else None
        if fault:
            found.append(f"{path}:{number}: includes {include.group(2)}: {fault}")
    return found
