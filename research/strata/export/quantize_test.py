"""Quantised bundles: which steps change, how far off they are beside float64, and what is said about it."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch.export import Dim
from torch.nn import functional as F

import strata
from strata import export
from strata.export import _quantize
from strata.quantize import int8

B = Dim("B", max=64)


class Block(torch.nn.Module):
    """Layers of every kind of epilogue, one too small for int8, and an interpolation, which is no dense layer."""

    def __init__(self):
        super().__init__()
        self.up, self.gate = torch.nn.Linear(64, 96), torch.nn.Linear(64, 96, bias=False)
        self.down, self.score = torch.nn.Linear(96, 64), torch.nn.Linear(64, 3)
        self.norm = torch.nn.BatchNorm1d(64)

    def forward(self, x):  # [B, 64]
        h = self.down(F.silu(self.gate(x)) * self.up(x)) + x
        wide = F.interpolate(h[:, None], size=100, mode="linear")[:, 0]
        return {"h": self.norm(h), "score": self.score(h), "wide": wide, "best": self.score(h).argmax(-1)}

    def scores(self, x):
        return self.score(self.down(self.up(x)))


def made(path, kind, **options):
    torch.manual_seed(0)
    model, x = Block(), torch.randn(5, 64)
    report = strata.export(
        model, {"x": x}, path=path, name="m", dynamic_shapes={"x": {0: B}}, quantize=kind, **options
    )
    return model, x, report


def test_int8_takes_the_dense_layers_and_leaves_the_rest(tmp_path):
    model, x, report = made(tmp_path / "b", "int8")
    assert report.operators["linear_int8"] == 3 and report.operators["linear"] == 2
    stored = load_file(tmp_path / "b" / "weights.safetensors")
    names = [name for name in stored if stored[name].dtype == torch.int8]
    assert len(names) == 3 and not any(f"{n}.weight" in stored for n in ("up", "gate", "down"))
    got = strata.runtime.load(tmp_path / "b")(x=x[:3])
    # The layers by hand, with the same rounding of weights and inputs.
    linear = lambda x, layer: strata.ops.linear_int8(x, *int8(layer.weight), layer.bias)  # noqa: E731
    h = linear(F.silu(linear(x[:3], model.gate)) * linear(x[:3], model.up), model.down) + x[:3]
    torch.testing.assert_close(got["score"], model.score(h), atol=2e-3, rtol=0)


def test_the_accuracy_is_what_float64_says(tmp_path):
    model, x, report = made(tmp_path / "b", "int8", more_examples=[{"x": torch.randn(7, 64)}])
    golden = load_file(tmp_path / "b" / "golden.safetensors")
    cases = [(golden[f"forward/{i}/in/x"], golden[f"forward/{i}/out/h"]) for i in range(3)]
    with torch.no_grad():
        apart = [(got.double() - model(x)["h"].double()).abs() for x, got in cases]
    figures = json.loads((tmp_path / "b" / "manifest.json").read_text())["quantization"]["accuracy"]["forward"]
    assert figures["h"] == report.accuracy["h"] and set(figures) == {"h", "score", "wide"}
    assert figures["h"]["largest"] == pytest.approx(float(max(a.max() for a in apart)))
    assert figures["h"]["mean"] == pytest.approx(sum(float(a.mean()) for a in apart) / 3)
    assert 0 < figures["h"]["largest"] < 0.1 * figures["h"]["magnitude"] and 0.999 < figures["h"]["cosine"] < 1
    assert "int8: h is off by" in str(report) and "before quantising, h within" in str(report)


def test_bf16_takes_and_gives_float32(tmp_path):
    _, x, report = made(tmp_path / "b", "bf16")
    entry = json.loads((tmp_path / "b" / "plan.json").read_text())["entry_points"]["forward"]
    assert entry["inputs"][0]["dtype"] == "float32"
    linear = [s for s in entry["steps"] if s.get("op") == "linear"]
    assert linear and all(s["outputs"][0]["dtype"] == "bfloat16" for s in linear)
    assert load_file(tmp_path / "b" / "weights.safetensors")["down.weight"].dtype == torch.bfloat16
    got = strata.runtime.load(tmp_path / "b")(x=x)
    assert got["h"].dtype == torch.float32 and 0 < report.accuracy["h"]["largest"] < 0.1


def test_entry_points_that_are_methods_are_quantised_and_share_weights(tmp_path):
    torch.manual_seed(0)
    model, x = Block(), torch.randn(5, 64)
    entries = {n: export.Entry(call, {"x": x}, {"x": {0: B}}) for n, call in (("a", model), ("b", model.scores))}
    for kind in ("int8", "bf16"):
        report = strata.export(entries, path=tmp_path / kind, name="m", quantize=kind)
        assert {"a/score", "b/output"} <= set(report.accuracy)
        stored = load_file(tmp_path / kind / "weights.safetensors")
        assert len([n for n in stored if n.startswith("down.weight")]) == (2 if kind == "int8" else 1)
    assert model.up.weight.dtype == torch.float32 and "forward" not in vars(model)


def test_a_kind_that_is_not_known_is_refused(tmp_path):
    with pytest.raises(export.ExportError, match="quantize is 'int3', wanted int8 or bf16"):
        made(tmp_path / "b", "int3")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_lowering_is_not_hidden_by_quantising(tmp_path, monkeypatch):
    from strata.export import _entries

    right = _entries.difference
    monkeypatch.setattr(_entries, "difference", lambda got, want: right(got + 1, want))
    with pytest.raises(export.ExportError, match="differs from the eager model"):
        made(tmp_path / "b", "int8")


def test_the_figures():
    want = torch.tensor([[3.0, 0.0], [0.0, -4.0]])
    figures = _quantize.accuracy(want + torch.tensor([[0.0, 1.0], [0.0, 0.0]]), want)
    assert figures == {"largest": 1.0, "mean": 0.25, "cosine": pytest.approx(5 / 26**0.5), "magnitude": 4.0}
    worse = {"largest": 2.0, "mean": 0.75, "cosine": 0.5, "magnitude": 1.0}
    assert _quantize.joined([figures, worse]) == {"largest": 2.0, "mean": 0.5, "cosine": 0.5, "magnitude": 4.0}
    empty = torch.zeros(0, 3)
    assert _quantize.accuracy(empty, empty)["cosine"] == 1.0
