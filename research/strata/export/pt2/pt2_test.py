"""Archives of torch.export.save: exported like the model itself; crafted ones refused before torch sees them."""

import io
import json
import os
import re
import subprocess
import sys
import zipfile

import pytest
import torch
from torch.export import Dim

import strata
from strata import export
from strata.export.pt2._check import checked, expression


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x, y):
        self.seen += y.sum(0)
        return {"z": self.layer(x)[:, 1:] + self.seen[1:], "count": x.shape[0]}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    torch.manual_seed(0)
    model, batch = Model().eval(), Dim("batch", min=1, max=9)
    program = torch.export.export(
        model, (torch.randn(3, 4), torch.randn(4, 4)), dynamic_shapes=({0: batch}, {0: batch + 1})
    )
    path = tmp_path_factory.mktemp("pt2") / "model.pt2"
    torch.export.save(program, path)
    return model, path


def test_an_archive_becomes_a_bundle(saved, tmp_path):
    model, path = saved
    said = export.from_pt2(path, path=tmp_path / "b", name="m")
    assert "z within" in said and "left out count" in said and "read by a process of its own, with " in said
    plan = strata.runtime.load(tmp_path / "b")
    assert plan.entry["dims"] == {"D0": [1, 9]}
    assert [spec["shape"] for spec in plan.entry["inputs"]] == [[4], ["D0", 4], ["D0+1", 4]]
    x, y = torch.randn(2, 4), torch.randn(3, 4)
    got = plan(x=x, y=y, **plan.state())
    with torch.no_grad():
        torch.testing.assert_close(got["z"], model.layer(x)[:, 1:] + y.sum(0)[1:])
    torch.testing.assert_close(got["seen.next"], y.sum(0))


def crafted(path, change):
    """The archive with its model.json changed, or with further entries."""
    made = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as target:
        entries = {name: source.read(name) for name in source.namelist()}
        change(entries)
        for name, data in entries.items():
            target.writestr(name, data)
    return made.getvalue()


def in_json(file, edit):
    def change(entries):
        name = next(n for n in entries if n.endswith(file))
        value = json.loads(entries[name])
        edit(value)
        entries[name] = json.dumps(value).encode()

    return change


def in_size(text):
    def edit(model):
        model["graph_module"]["graph"]["tensor_values"]["x"]["sizes"][0]["as_expr"]["expr_str"] = text

    return in_json("model.json", edit)


def in_target(text):
    return in_json("model.json", lambda m: m["graph_module"]["graph"]["nodes"][0].update(target=text))


def in_tree(kind):
    def edit(model):
        signature = model["graph_module"]["module_call_graph"][0]["signature"]
        signature["in_spec"] = signature["in_spec"].replace("builtins.tuple", kind)

    return in_json("model.json", edit)


def pickled(config):
    next(iter(config["config"].values()))["use_pickle"] = True


EVIL = "__import__('os').system('touch ran')"
CRAFTED = {
    "a size that runs code": (in_size(EVIL), "no expression of sizes"),
    "a size that looks up": (in_size("Symbol('s0').__class__"), "no expression of sizes"),
    "an open bracket": (in_size("Add(Integer(1)"), "brackets do not match"),
    "a size without an end": (in_size("1" * 3000), "2,000 characters"),
    "a call": (in_target("os.system"), "calls 'os.system'"),
    "a call of torch": (in_target("torch.load"), "calls 'torch.load'"),
    "a file as a tensor": (in_target("torch.ops.aten.from_file.default"), "calls 'torch.ops.aten.from_file"),
    "another type of arguments": (in_tree("os.system"), "arguments are of type 'os.system'"),
    "a pickled weight": (in_json("model_weights_config.json", pickled), "is pickled"),
    "a library": (lambda e: e.update({"x/data/aotinductor/model/a.so": b"\x7fELF"}), "which a saved program does not"),
    "a way out": (lambda e: e.update({"x/../../etc/passwd": b""}), "which a saved program does not"),
    "no model": (lambda e: e.pop(next(n for n in e if n.endswith("model.json"))), "has no models/model.json"),
    "no graph": (in_json("model.json", lambda m: m.pop("graph_module")), "not as torch.export.save writes it"),
    "a deep nest": (lambda e: e.update({n: b"[" * 100_000 for n in e if n.endswith("model.json")}), "is no JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_archive_is_refused_with_a_sentence(name, saved, tmp_path, monkeypatch):
    change, words = CRAFTED[name]
    monkeypatch.chdir(tmp_path)  # where code would leave its mark
    (tmp_path / "m.pt2").write_bytes(crafted(saved[1], change))
    with pytest.raises(export.ExportError, match=re.escape(words)):
        export.from_pt2(tmp_path / "m.pt2", path=tmp_path / "b", name="m")
    assert {p.name for p in tmp_path.iterdir()} == {"m.pt2"}


def test_what_torch_alone_would_run_is_left_out(saved):
    def edit(model):
        model["guards_code"] = ["__import__('os').abort()"]
        model["range_constraints"]["__import__('os').abort()"] = {"min_val": 1, "max_val": 2}

    clean, model = checked(crafted(saved[1], in_json("model.json", edit)))
    assert b"abort" not in clean and model["guards_code"] == []
    assert "metadata" in model["graph_module"]["graph"]["nodes"][0] and b"nn_module_stack" not in clean


def test_sizes_that_torch_writes_are_read():
    for text in ("Symbol('s77', positive=True, integer=True)", "Integer(1)", "-3",
                 "Add(Symbol('s77', positive=True, integer=True), Integer(1))",
                 "Mul(Integer(2), FloorDiv(Symbol('u0', integer=True), Integer(2)))"):  # fmt: skip
        expression(text)


def test_files_that_are_no_archive_are_refused(tmp_path, saved):
    data = saved[1].read_bytes()
    for content, words in ((b"", "is no .pt2"), (b"PK\x03\x04", "is no .pt2"), (data[: len(data) // 2], "is no .pt2")):
        (tmp_path / "m.pt2").write_bytes(content)
        with pytest.raises(export.ExportError, match=words):
            export.from_pt2(tmp_path / "m.pt2", path=tmp_path / "b", name="m")
    with pytest.raises(export.ExportError, match="No such file"):
        export.from_pt2(tmp_path / "none.pt2", path=tmp_path / "b", name="m")


ESCAPES = """
import os, pathlib, socket, subprocess, sys
from strata.export.pt2 import _sandbox
said = _sandbox.lock(1 << 40, 60)
got = {{}}
def attempt(name, call):
    try:
        call()
        got[name] = "done"
    except OSError as error:
        got[name] = "refused"
attempt("write", lambda: open({path!r}, "w"))
attempt("append", lambda: open({own!r}, "a"))
attempt("folder", lambda: os.mkdir({path!r}))
attempt("remove", lambda: os.remove({own!r}))
attempt("network", lambda: socket.socket())
attempt("program", lambda: subprocess.run(["true"]))
attempt("kill", lambda: os.kill(os.getppid(), 0))
attempt("read", lambda: open({own!r}).read())
print(said, got)
"""


def test_the_process_that_reads_cannot_write_connect_or_start_anything(tmp_path):
    own = tmp_path / "own"
    own.write_text("mine")
    code = ESCAPES.format(path=str(tmp_path / "new"), own=str(own))
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=found)
    assert done.returncode == 0, done.stderr
    if not done.stdout.startswith("seccomp"):
        pytest.skip("this system has no seccomp that Strata knows")
    assert done.stdout.count("refused") == 7 and "'read': 'done'" in done.stdout, done.stdout
    assert {p.name for p in tmp_path.iterdir()} == {"own"}
