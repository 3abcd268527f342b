"""The command line: what its commands print, write, refuse and start."""

import contextlib
import io
import json
import os
import subprocess
import sys

import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file

import strata
import strata_cli

MODEL = '''
import torch
from strata import export, nn


def exportable():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3, activation="gelu"), nn.RmsNorm(3))
    return export.Exportable(model, {"input": torch.ones(2, 4)}, {"input": {0: torch.export.Dim("B", max=64)}}, "tiny")


def not_one():
    return 7


def unsupported():
    class Model(nn.Module):
        def forward(self, x):
            return torch.sinh(x)

    return export.Exportable(Model(), {"x": torch.ones(2, 4)}, {"x": {0: torch.export.Dim("B", max=64)}}, "sine")
'''


def run(*arguments, cwd, input="", environment=None):
    """One command in this process, which has torch loaded: the same as spawn, in a hundredth of its time."""
    out, err = io.StringIO(), io.StringIO()
    streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with contextlib.chdir(cwd), streams[0], streams[1], pytest.MonkeyPatch.context() as m:
        m.setattr(sys, "stdin", io.StringIO(input))
        m.setattr(sys, "path", list(sys.path))
        for name, value in (environment or {}).items():
            m.setenv(name, value)
        try:
            code = strata_cli.main([str(a) for a in arguments])
        except SystemExit as stop:  # argparse
            code = stop.code
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def spawn(*arguments, cwd):
    """One command in a process of its own."""
    command = [sys.executable, "-m", "strata_cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env={**os.environ, "STRATA_BIN": str(cwd)}, text=True, capture_output=True)


def refused(got, *words, code=1):
    assert got.returncode == code, got
    assert "Traceback" not in got.stderr
    for word in words:
        assert word in got.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("cli")
    (made / "model.py").write_text(MODEL)
    got = run("export", "model:exportable", cwd=made)
    assert got.returncode == 0, got.stderr
    assert "tiny.bundle: 2 steps (1 linear, 1 rms_norm)" in got.stdout and "bit-identical" in got.stdout
    return made


def fake_program(folder, name):
    path = folder / name
    path.write_text('#!/bin/sh\nfor a in "$@"; do echo "$a"; done\nexit 7\n')
    path.chmod(0o755)


@pytest.mark.parametrize("command", [[], ["export"], ["serve"], ["run"], ["inspect"], ["ops"], ["tune"]])
def test_help_has_examples(command, tmp_path):
    got = run(*command, "--help", cwd=tmp_path)
    assert got.returncode == 0 and "examples:\n  " in got.stdout


def test_export_takes_a_file_and_a_folder(folder, tmp_path):
    got = run("export", folder / "model.py:exportable", "-o", tmp_path / "other", "--name", "small", cwd=tmp_path)
    assert got.returncode == 0, got.stderr
    assert json.loads((tmp_path / "other" / "manifest.json").read_text())["name"] == "small"


def test_export_quantises(folder, tmp_path):
    got = run("export", "model:exportable", "-o", tmp_path / "narrow", "--quantize", "bf16", cwd=folder)
    assert got.returncode == 0, got.stderr
    assert "bf16: output is off by" in got.stdout
    refused(run("export", "model:exportable", "--quantize", "int3", cwd=folder), "invalid choice: 'int3'", code=2)


def test_export_takes_onnx(tmp_path):
    infos = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 4]) for name in "xy"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", infos[:1], infos[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), tmp_path / "a b.onnx")
    save_file({"x": torch.randn(3, 4)}, tmp_path / "x.safetensors")
    got = run("export", "a b.onnx", "--dim", "batch=1..9", "--example", "x.safetensors", cwd=tmp_path)
    assert got.returncode == 0, got.stderr
    plan = strata.runtime.load(tmp_path / "a_b.bundle")
    assert plan.entry["dims"] == {"Batch": [1, 9]}
    assert torch.equal(plan(x=torch.tensor([[-1.0, 0, 1, 2]]))["y"], torch.tensor([[0.0, 0, 1, 2]]))
    refused(run("export", "a b.onnx", "--dim", "batch", cwd=tmp_path), "is not like batch=1..64")
    refused(run("export", "a b.onnx", "--dim", "batch=5..2", cwd=tmp_path), "the smallest is 5")
    refused(run("export", "a b.onnx", "--dim", "length=5", cwd=tmp_path), "no dim 'length'; it has batch")
    refused(run("export", "none.onnx", cwd=tmp_path), "No such file")


def test_export_says_what_is_wrong(folder):
    refused(run("export", "model:exportable", "--dim", "a=1", cwd=folder), "are for models from files")
    refused(run("export", "model", cwd=folder), "no MODULE:FUNCTION")
    refused(run("export", "nowhere:f", cwd=folder), "there is no module nowhere")
    refused(run("export", "nowhere.py:f", cwd=folder), "there is no file nowhere.py")
    refused(run("export", "model:f", cwd=folder), "model has no function f")
    refused(run("export", "model:not_one", cwd=folder), "returned a int, wanted a strata.export.Exportable")
    refused(run("export", "model:unsupported", cwd=folder), "aten.sinh", "model.py", "return torch.sinh(x)")
    assert not (folder / "sine.bundle").exists()
    refused(run("export", cwd=folder), "MODULE:FUNCTION", code=2)


def test_debug_shows_the_traceback(folder):
    assert "Traceback" in run("export", "model:f", "--debug", cwd=folder).stderr


def test_run_answers_lines_of_json_with_the_plans_bits(folder):
    values = [[0.25, 1, -3, 1e-3], [1, 2, 3, 4]]
    lines = "".join(json.dumps({"inputs": {"input": v}}) + "\n" for v in (values, values[:1]))
    got = run("run", "tiny.bundle", cwd=folder, input=lines)
    assert got.returncode == 0, got.stderr
    answers = [torch.tensor(json.loads(line)["outputs"]["output"]) for line in got.stdout.splitlines()]
    plan = strata.runtime.load(folder / "tiny.bundle")
    assert torch.equal(answers[0], plan(input=torch.tensor(values))["output"])
    assert torch.equal(answers[1], answers[0][:1])


def test_run_takes_and_writes_safetensors(folder, tmp_path):
    save_file({"input": torch.full((3, 4), 0.5)}, tmp_path / "in.safetensors")
    got = run(
        "run",
        "tiny.bundle",
        "--input",
        tmp_path / "in.safetensors",
        "--output",
        tmp_path / "out.safetensors",
        cwd=folder,
    )
    assert got.returncode == 0, got.stderr
    want = strata.runtime.load(folder / "tiny.bundle")(input=torch.full((3, 4), 0.5))["output"]
    assert torch.equal(load_file(tmp_path / "out.safetensors")["output"], want)


def test_run_says_what_is_wrong(folder):
    refused(run("run", "nowhere", cwd=folder), "nowhere is no bundle")
    refused(run("run", "tiny.bundle", cwd=folder, input="{"), "a request is a line of JSON")
    refused(
        run("run", "tiny.bundle", cwd=folder, input='{"inputs": {"y": 1}}'), "unknown input y; the bundle has input"
    )
    refused(run("run", "tiny.bundle", cwd=folder, input='{"inputs": {"input": [[1, 2]]}}'), "wanted ['B', 4]")
    refused(run("run", "tiny.bundle", cwd=folder, input='{"inputs": {"input": [["a"]]}}'), "input input: ")
    refused(run("run", "tiny.bundle", "--threads=2", cwd=folder, input=""), "only --native passes flags on")
    refused(run("run", "tiny.bundle", "--entry", "x", cwd=folder, input=""), "no entry point x")


def test_native_programs_get_the_flags_and_give_their_exit_code(folder):
    fake_program(folder, "strata-run")
    fake_program(folder, "strata-server")
    got = spawn("run", "tiny.bundle", "--native", "--entry", "forward", "--golden", cwd=folder)
    assert (got.returncode, got.stdout.split()) == (7, ["tiny.bundle", "--entry=forward", "--golden"])
    got = spawn("run", "tiny.bundle", "--profile", "--trace", "t.json", "--repeat=3", cwd=folder)
    assert got.stdout.split() == ["tiny.bundle", "--trace=t.json", "--profile", "--repeat=3"]
    assert spawn("run", "tiny.bundle", "--memory", cwd=folder).stdout.split() == ["tiny.bundle", "--memory"]
    got = spawn("serve", "tiny.bundle", "--port", "0", "--threads=2", cwd=folder)
    assert (got.returncode, got.stdout.split()) == (7, ["--port=0", "--threads=2", "tiny.bundle"])


@pytest.mark.parametrize("words", [["serve"], ["inspect"], ["run", "--native"]])
def test_what_needs_no_torch_starts_without_it(words, folder):
    call = f"strata_cli.main({[*words, 'tiny.bundle']})"
    program = f"import sys; sys.modules['torch'] = None; import strata_cli; sys.exit({call})"
    environment = {**os.environ, "STRATA_BIN": str(folder)}
    got = subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, text=True, capture_output=True)
    assert got.stderr == "" and "tiny" in got.stdout


def test_serve_says_what_is_wrong(folder, tmp_path):
    nowhere = {"environment": {"STRATA_BIN": str(tmp_path)}}
    refused(
        run("serve", "tiny.bundle", cwd=folder, **nowhere),
        "strata-server was not found",
        "bazel build //systems/server",
    )
    refused(run("serve", "nowhere", cwd=folder), "nowhere is no bundle")
    refused(run("serve", "tiny.bundle", "--port", "99999", cwd=folder), "--port is 99999")
    refused(run("serve", cwd=folder), "no bundle was named")


def test_inspect_shows_steps_and_weights(folder):
    got = run("inspect", "tiny.bundle", cwd=folder)
    assert got.returncode == 0, got.stderr
    for word in (
        "tiny version 1",
        "dims B 1..64",
        "activation=gelu",
        "0.weight",
        "[3, 4]",
        "48 B",
        "3 weights",
        "stacked",
    ):
        assert word in got.stdout, got.stdout
    counted = json.loads(run("inspect", "tiny.bundle", "--json", cwd=folder).stdout)
    assert counted["steps"] == {"linear": 1, "rms_norm": 1} and counted["weight_bytes"] == 72
    refused(run("inspect", "model.py", cwd=folder), "model.py")


def test_inspect_draws(folder, tmp_path):
    got = run("inspect", "tiny.bundle", "--svg", tmp_path / "tiny.svg", "--dims", "B=3", cwd=folder)
    assert got.returncode == 0, got.stderr
    text = (tmp_path / "tiny.svg").read_text()
    assert text.startswith("<svg ") and "linear, gelu" in text and "at B = 3" in text
    refused(run("inspect", "tiny.bundle", "--svg", "x", "--dims", "B", cwd=folder), "wanted such as B=1,N=128")
    refused(run("inspect", "tiny.bundle", "--svg", "x", "--dims", "Q=1", cwd=folder), "the plan has no dim Q")
    refused(run("inspect", "tiny.bundle", "--svg", "x", "--entry-point", "no", cwd=folder), "no entry point no")


def test_ops_lists_the_table_and_shows_one(tmp_path):
    got = run("ops", cwd=tmp_path).stdout
    assert all(name in got for name in strata.ops.schemas if not name.endswith("_backward"))
    shown = run("ops", "rms_norm", cwd=tmp_path).stdout
    assert "rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-06) -> Tensor" in shown and "Kernels" in shown
    refused(run("ops", "rms_nrm", cwd=tmp_path), "did you mean rms_norm?")
    refused(run("ops", "--nonsense", cwd=tmp_path), "unknown arguments: --nonsense", code=2)
    refused(run("nonsense", cwd=tmp_path), "invalid choice", code=2)


@pytest.mark.parametrize("words,sentence", [
    ([], "nothing to tune was named"),
    (["nothing"], "nothing is neither a bundle nor an operator"),
    (["rms_norm", "x=2,4"], "rms_norm needs sizes of weight"),
    (["rms_norm", "x=2,4", "w=4"], "'w=4' is not like x=64,384"),
    (["rms_norm", "x=2,four", "weight=4"], "not whole numbers"),
    (["rms_norm", "x=2,4", "weight=4", "--rounds", "1"], "--rounds is 1, wanted 3 or more"),
])
def test_tune_says_what_is_wrong(words, sentence, tmp_path):
    refused(run("tune", *words, "--out", "table.txt", cwd=tmp_path), sentence)
    assert not list(tmp_path.iterdir())


def test_tune_writes_no_table_where_there_is_nothing_to_choose(tmp_path):
    got = run("tune", "rms_norm", "x=2,4", "weight=4", "--out", "table.txt", cwd=tmp_path)
    assert got.returncode == 0 and "nothing to tune" in got.stdout
    assert not list(tmp_path.iterdir())
