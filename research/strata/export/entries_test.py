"""Bundles with several entry points, shared weights, and models that change their buffers and arguments."""

import json
import os
import pathlib
import subprocess

import pytest
import torch
from safetensors.torch import load_file
from torch.export import Dim

import strata
from strata import export

Entry = export.Entry
B = Dim("B", max=64)


class Vae(torch.nn.Module):
    """Encoder and decoder with one tied weight."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(3, 4))
        self.norm = torch.nn.LayerNorm(3)

    def encode(self, x, scale=1.0):
        return self.norm(torch.nn.functional.linear(x, self.weight)) * scale

    def decode(self, z):
        return {"x": torch.nn.functional.linear(z, self.weight.T), "norm": z.norm(dim=-1)}


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    torch.manual_seed(0)
    model, path = Vae(), tmp_path_factory.mktemp("vae") / "vae.bundle"
    entries = {
        "encode": Entry(model.encode, {"x": torch.randn(3, 4)}, {"x": {0: B}}, ["z"]),
        "decode": Entry(model.decode, {"z": torch.randn(3, 3)}, {"z": {0: B}}),
    }
    return model, path, strata.export(entries, path=path, name="vae")


def native(path, *flags):
    """What strata-run says: beside this test under Bazel, otherwise where STRATA_RUN says."""
    root = pathlib.Path(__file__).absolute().parents[3]
    program = os.environ.get("STRATA_RUN") or root / "systems/runtime/strata-run"
    if not os.path.exists(program):
        pytest.skip("strata-run was not built")
    done = subprocess.run([str(program), str(path), *flags], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_methods_become_entry_points(vae):
    model, path, report = vae
    x = torch.randn(5, 4)
    z = strata.runtime.load(path)(x=x)["z"]
    torch.testing.assert_close(z, model.encode(x))
    got = strata.runtime.load(path, "decode")(z=z)
    torch.testing.assert_close(got["x"], model.decode(z)["x"])
    assert set(report.differences) == {"encode/z", "decode/x", "decode/norm"} and report.batched
    assert "forward" not in vars(model)
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["default_entry_point"] == "encode"
    with pytest.raises(ValueError, match="no entry point recode, it has encode, decode"):
        strata.runtime.load(path, "recode")


def test_entry_points_share_what_they_have_in_common(tmp_path):
    model = torch.nn.Linear(4, 4)
    other = torch.nn.Linear(4, 4)
    entries = {
        name: Entry(one, {"input": torch.randn(3, 4)}, {"input": {0: B}})
        for name, one in (("a", model), ("b", model), ("c", other))
    }
    report = strata.export(entries, path=tmp_path / "b", name="m")
    stored = load_file(tmp_path / "b" / "weights.safetensors")
    assert set(stored) == {"weight", "bias", "weight.1", "bias.1"} and report.weights == 4
    x = torch.randn(2, 4)
    for name, one in (("b", model), ("c", other)):
        torch.testing.assert_close(strata.runtime.load(tmp_path / "b", name)(input=x)["output"], one(x))


class Decoder(torch.nn.Module):
    """A cache of keys, written at a position that is data."""

    def __init__(self, length=8, width=4):
        super().__init__()
        self.key = torch.nn.Linear(width, width)
        self.register_buffer("layer_keys", torch.zeros(1, length, width))
        self.register_buffer("count", torch.full((), 3.0))

    def forward(self, x, position):
        self.layer_keys.index_copy_(1, position, self.key(x))
        self.count += 1
        seen = torch.arange(self.layer_keys.shape[1]) <= position[-1]
        scores = (x @ self.layer_keys.transpose(1, 2)).masked_fill(~seen, -torch.inf)
        return torch.softmax(scores, -1) @ self.layer_keys * self.count


def decoder(path, **options):
    torch.manual_seed(1)
    model = Decoder()
    n = Dim("N", min=1, max=8)
    step = Entry(model, {"x": torch.randn(1, 1, 4), "position": torch.tensor([0])}, output_names=["y"])
    prefill = Entry(
        model,
        {"x": torch.randn(1, 3, 4), "position": torch.arange(3)},
        {"x": {1: n}, "position": {0: n}},
        ["y"],
    )
    return model, strata.export({"prefill": prefill, "step": step}, path=path, name="decoder", **options)


def test_a_cache_goes_in_and_comes_out(tmp_path):
    model, report = decoder(tmp_path / "b")
    assert not report.batched and not torch.count_nonzero(model.layer_keys) and float(model.count) == 3.0
    prefill, step = (strata.runtime.load(tmp_path / "b", name) for name in ("prefill", "step"))
    state = prefill.state()
    assert set(state) == {"layer_keys", "count"} and float(state["count"]) == 3.0
    x = torch.randn(1, 6, 4)
    got = prefill(x=x[:, :4], position=torch.arange(4), **state)
    assert set(got) == {"y", "layer_keys.next", "count.next"}
    with torch.no_grad():
        torch.testing.assert_close(got["y"], model(x[:, :4], torch.arange(4)))
        for at in (4, 5):
            here = {"x": x[:, at : at + 1], "position": torch.tensor([at])}
            got = step(**here, **prefill.next_state(got))
            torch.testing.assert_close(got["y"], model(**here))
    torch.testing.assert_close(got["layer_keys.next"], model.layer_keys)


def test_the_manifest_says_what_is_state(tmp_path):
    decoder(tmp_path / "b")
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    state = {"layer_keys": {"output": "layer_keys.next", "initial": 0},
             "count": {"output": "count.next", "initial": "$count"}}
    assert manifest["entry_points"]["step"] == {"state": state}
    assert load_file(tmp_path / "b" / "weights.safetensors")["count"] == 3.0
    golden = load_file(tmp_path / "b" / "golden.safetensors")
    # The last case goes on from the first.
    assert torch.equal(golden["step/1/in/layer_keys"], golden["step/0/out/layer_keys.next"])


class Accumulate(torch.nn.Module):
    """Changes an argument, one of a list, and gives what is no tensor."""

    def forward(self, x, caches):
        caches[1].add_(x.sum(0))
        return {"y": x * 2 + caches[0], "size": x.shape[0], "three": 3, "none": None}


def test_arguments_that_change_are_state_and_what_is_no_tensor_is_reported(tmp_path):
    example = {"caches": [torch.ones(4), torch.zeros(4)], "x": torch.randn(3, 4)}
    report = strata.export(Accumulate(), example, path=tmp_path / "b", name="m", dynamic_shapes={"x": {0: B}})
    assert [name for name, _ in report.dropped] == ["size", "three"] and "left out size" in str(report)
    assert not torch.count_nonzero(example["caches"][1])
    plan = strata.runtime.load(tmp_path / "b")
    assert plan.state() == {} and [s["name"] for s in plan.entry["inputs"]] == ["x", "caches_0", "caches_1"]
    got = plan(x=torch.ones(2, 4), caches_0=torch.ones(4), caches_1=torch.full((4,), 5.0))
    assert torch.equal(got["y"], torch.full((2, 4), 3.0)) and torch.equal(got["caches_1.next"], torch.full((4,), 7.0))


def test_a_change_that_is_computed_wrongly_is_found(tmp_path, monkeypatch):
    """The state is compared with the eager model's, too."""
    from strata.export import _entries

    right = _entries.difference
    monkeypatch.setattr(_entries, "difference", lambda got, want: right(got + (got.shape == (1, 8, 4)), want))
    words = "output layer_keys.next of the plan differs.*the graph that differs from the model"
    with pytest.raises(export.ExportError, match=words):
        decoder(tmp_path / "b")


def test_what_is_wrong_with_entry_points_is_said(tmp_path):
    def refused(words, model, example=None, **options):
        with pytest.raises(export.ExportError, match=words):
            strata.export(model, example, path=tmp_path / "b", name="m", **options)

    model = torch.nn.Linear(4, 4)
    good = Entry(model, {"input": torch.randn(3, 4)})
    refused("there is no entry point", {})
    refused("entry point a is a Linear, wanted a strata.export.Entry", {"a": model})
    refused("each Entry has its own", {"a": good}, {"input": torch.randn(3, 4)})
    refused("example_inputs are missing", model)
    refused("neither a torch.nn.Module nor a method of one", {"a": Entry(len, {})})
    assert list(tmp_path.iterdir()) == []


def test_the_service_runs_every_entry_point_with_the_same_bits(vae, tmp_path):
    _, path, _ = vae
    decoder(tmp_path / "b")
    assert "5 cases" in native(tmp_path / "b", "--golden") and "4 cases" in native(path, "--golden")
