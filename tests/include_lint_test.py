"""The includes of the whole tree obey tests/layers.py, and the rules can fail."""

import os
import pathlib

import pytest

from tests import layers

_SOURCES = {".h", ".cc", ".cu", ".cuh"}


def _root():
    # The real checkout behind the runfiles' link: a list of files in BUILD would forget the next new folder.
    return pathlib.Path(os.path.realpath("WORKSPACE")).parent


def _sources():
    for top in ("kernels", "systems", "integration", "research", "tests", "tools"):
        for file in sorted((_root() / top).rglob("*")):
            if file.suffix in _SOURCES:
                yield file


def test_includes_of_the_tree_obey_the_layers():
    checked, found = 0, []
    for file in _sources():
        path = file.relative_to(_root()).as_posix()
        lines = file.read_text(encoding="utf-8").splitlines()
        checked += sum(line.startswith("#include") for line in lines)
        found += layers.faults(path, lines)
    assert checked > 100, f"only {checked} includes were found below {_root()}: the lint looked in the wrong place"
    assert not found, "\n" + "\n".join(found)


def test_the_table_has_no_cycle():
    def reaches(folder, goal, seen):
        return any(
            part == goal or (part not in seen and reaches(part, goal, seen | {part}))
            for part in layers.MAY_INCLUDE[folder]
            if part != folder
        )

    assert not [folder for folder in layers.MAY_INCLUDE if reaches(folder, folder, {folder})]


@pytest.mark.parametrize(
    "path, include, reason",
    [
        ("kernels/core/invoke.cc", "<absl/strings/str_cat.h>", "kernels must not use absl"),
        ("kernels/simd/exp.h", '"boost/asio.hpp"', "kernels must not use boost"),
        ("kernels/torch/adapter.h", "<Python.h>", "kernels/torch must not use Python.h"),
        ("systems/net/listener.cc", "<torch/csrc/stable/library.h>", "systems must not use torch"),
        ("kernels/base/status.cc", '"kernels/core/dtype.h"', "may include only itself"),
        ("kernels/ops/add/add_cpu.cc", '"kernels/ops/gelu/gelu.h"', "an op must not include another op"),
        ("kernels/ops/add/add_cpu.cc", '"kernels/ops/registry.h"', None),
        ("kernels/ops/table.cc", '"kernels/ops/gelu/gelu.h"', None),
        ("kernels/core/invoke.cc", '"kernels/testing/op_tester.h"', "only tests and benches"),
        ("kernels/core/invoke_test.cc", '"kernels/testing/op_tester.h"', None),
        ("systems/net/listener.cc", '"systems/batching/batch_queue.h"', "systems/net may include only"),
        ("systems/batching/batch_queue.cc", '"systems/net/listener.h"', "systems/batching may include only"),
        ("systems/text/trie.cc", '"tests/layers.h"', "nothing may depend on tests"),
        ("systems/text/trie.cc", '"trie.h"', "full path from the root"),
        ("systems/text/trie.cc", '"../net/listener.h"', "full path from the root"),
        ("systems/new_part/main.cc", '"systems/net/listener.h"', "systems/new_part is in no layer"),
        ("systems/server/main.cc", '"systems/net/listener.h"', None),
        ("systems/text/trie.cc", "<boost/json.hpp>", None),
        ("integration/load/client.cc", '"systems/net/listener.h"', None),
    ],
)
def test_says_what_is_wrong_with_a_line(path, include, reason):
    found = layers.faults(path, ["// comment", f"#include {include}"])
    if reason is None:
        assert found == []
    else:
        assert len(found) == 1 and found[0].startswith(f"{path}:2: includes ") and reason in found[0], found
