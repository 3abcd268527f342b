"""Export, end to end: plans equal their models bit for bit, errors name the operator and the line, bundles are whole
or not there."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file
from torch.export import Dim

import strata
from strata import export, nn
from strata.models import bert, digits


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.norm = nn.Linear(4, 6, activation="gelu"), nn.RmsNorm(6)

    def forward(self, x):
        return self.norm(self.up(x))


def write(model, inputs, dims, path, **options):
    options = {"name": "model"} | options
    return strata.export(model, inputs, path=path, dynamic_shapes=dims, **options)


def small(path, **options):
    torch.manual_seed(0)
    model = Small()
    return model, write(model, {"x": torch.randn(3, 4)}, {"x": {0: Dim("B", max=64)}}, path, **options)


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    made = bert.exportable()
    path = tmp_path_factory.mktemp("minilm") / "minilm.bundle"
    return made.model, path, strata.export(**vars(made), path=path)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    torch.manual_seed(0)
    made = digits.exportable(digits.DigitClassifier())
    path = tmp_path_factory.mktemp("digits") / "digits.bundle"
    return made.model, path, strata.export(**vars(made), path=path)


@pytest.mark.parametrize("lengths", [[5], [1], [3, 7], [2, 0, 9, 1], [40, 2, 17, 3, 64]])
def test_minilms_plan_equals_the_model_bit_for_bit(minilm, lengths):
    model, path, _ = minilm
    generator = torch.Generator().manual_seed(sum(lengths))
    ids = torch.randint(1000, 30000, (sum(lengths),), generator=generator)
    ends = torch.tensor([0, *lengths]).cumsum(0)
    got = strata.runtime.load(path)(ids=ids, cu_seqlens=ends)
    with torch.no_grad():
        assert torch.equal(got["embedding"], model(ids, ends))


@pytest.mark.parametrize("batch", [1, 2, 7, 130])
def test_the_digit_classifiers_plan_equals_the_model_bit_for_bit(classifier, batch):
    model, path, _ = classifier
    pixels = torch.rand(batch, 64, generator=torch.Generator().manual_seed(batch))
    got = strata.runtime.load(path)(pixels=pixels)
    with torch.no_grad():
        for name, want in zip(("logits", "probabilities"), model(pixels), strict=True):
            assert torch.equal(got[name], want)


def test_the_report_counts_steps_and_says_bit_identical(minilm, classifier):
    _, _, report = minilm
    assert (
        report.operators["attention"] == 6
        and report.operators["linear"] == 24
        and report.differences == {"embedding": 0.0}
    )
    assert "embedding bit-identical to the eager model" in str(report)
    assert classifier[2].differences == {"logits": 0.0, "probabilities": 0.0}


@pytest.mark.parametrize("which", ["minilm", "classifier"])
def test_the_files_obey_the_documented_format(which, request):
    _, path, _ = request.getfixturevalue(which)
    manifest, plan = (json.loads((path / name).read_text()) for name in ("manifest.json", "plan.json"))
    assert (manifest["format"], manifest["version"], plan["plan"]) == ("strata-bundle", 1, 1)
    assert set(manifest) <= {
        "format",
        "version",
        "name",
        "model_version",
        "description",
        "entry_points",
        "default_entry_point",
        "embeddings",
        "ops",
        "numerics",
        "provenance",
    }
    assert set(manifest["provenance"]) == {"strata", "torch", "created", "source"}
    assert set(plan["entry_points"]) == set(manifest["entry_points"]) == {manifest["default_entry_point"]}
    weights = load_file(path / "weights.safetensors")
    for name, entry in plan["entry_points"].items():
        check_entry(entry, manifest["entry_points"][name], manifest["ops"], weights)


def check_entry(entry, layout, hashes, weights):
    assert set(entry) == {"dims", "inputs", "steps", "outputs"}
    assert all(re.fullmatch(r"[A-Z]\w*", d) and 0 <= low <= high for d, (low, high) in entry["dims"].items())
    defined, used = set(), set()

    def define(spec):
        assert set(spec) == {"name", "dtype", "shape"} and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", spec["name"])
        assert spec["name"] not in defined
        for size in spec["shape"]:
            assert isinstance(size, int) or (len(size) <= 64 and re.fullmatch(r"[A-Z0-9a-z_+\-*/%()]+", size))
        defined.add(spec["name"])

    for spec in entry["inputs"]:
        define(spec)
    for step in entry["steps"]:
        for name in filter(None, step["inputs"]):
            assert name in defined or name[1:] in weights
            used.add(name)
        if "op" in step:
            schema = strata.ops.schemas[step["op"]]
            assert set(step) == {"op", "inputs", "attrs", "outputs"} and hashes[step["op"]] == schema.hash
            assert list(step["attrs"]) == [a.name for a in schema.attrs]
            assert len(step["inputs"]) == len(schema.inputs) and len(step["outputs"]) == len(schema.outputs)
        else:
            assert step["view"] in ("reshape", "slice", "permute") and len(step["inputs"]) == len(step["outputs"]) == 1
        for spec in step["outputs"]:
            define(spec)
    used |= {o["value"] for o in entry["outputs"]}
    assert {"$" + name for name in weights} == {name for name in used if name.startswith("$")}, (
        "a weight that no step uses"
    )
    assert set(layout["layouts"]) == {s["name"] for s in entry["inputs"]} | {o["name"] for o in entry["outputs"]}


def test_the_golden_has_two_cases_of_different_size_that_the_plan_reproduces(minilm, classifier):
    for _, path, _ in (minilm, classifier):
        golden = load_file(path / "golden.safetensors")
        entry = json.loads((path / "manifest.json").read_text())["default_entry_point"]
        sizes = []
        for case in ("0", "1"):
            parts = {kind: {n.split("/")[3]: t for n, t in golden.items() if n.startswith(f"{entry}/{case}/{kind}/")}
                     for kind in ("in", "out")}
            got = strata.runtime.load(path)(**parts["in"])
            assert set(got) == set(parts["out"]) and all(torch.equal(got[n], t) for n, t in parts["out"].items())
            sizes.append([list(t.shape) for t in parts["in"].values()])
        assert sizes[0] != sizes[1]


class Gated(nn.Module):
    """Two outputs of one pointwise program."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 2, 4))

    def forward(self, x):
        program = "float32 x0, float32 x1; v0 = sigmoid(x0); v1 = mul(v0, x1); v2 = tanh(v1); return v1, v2"
        gated, squashed = torch.ops.strata.pointwise([x, self.scale], program)
        return gated, squashed


def test_a_list_of_inputs_and_a_list_of_outputs_survive_export(tmp_path):
    model, x = Gated(), torch.randn(5, 4)
    write(model, {"x": x}, {"x": {0: Dim("B", max=8)}}, tmp_path / "b", output_names=["gated", "squashed"])
    plan = json.loads((tmp_path / "b" / "plan.json").read_text())
    (step,) = plan["entry_points"]["forward"]["steps"]
    assert step["inputs"] == [["x", "$scale"]]
    got = strata.runtime.load(tmp_path / "b")(x=x[:3])
    want = model(x[:3])
    assert torch.equal(got["gated"], want[0]) and torch.equal(got["squashed"], want[1])


class Product(nn.Module):
    def forward(self, x):
        y = torch.cumprod(x, 0)
        return torch.sin(y)


def test_an_unsupported_operator_is_named_with_the_models_line(tmp_path):
    with pytest.raises(export.ExportError) as error:
        write(Product(), {"x": torch.randn(3, 4)}, {"x": {0: Dim("B", max=8)}}, tmp_path / "b")
    assert (
        "aten.cumprod" in str(error.value)
        and "export_test.py" in str(error.value)
        and "y = torch.cumprod(x, 0)" in str(error.value)
    )
    assert list(tmp_path.iterdir()) == []


class Fixed(nn.Module):
    def forward(self, x):
        return strata.ops.add(x, torch.ones(3, 4))


def test_a_dim_that_the_model_fixes_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(export.ExportError, match="the model fixes the dim B to the number 3"):
        write(Fixed(), {"x": torch.randn(3, 4)}, {"x": {0: Dim("B", max=8)}}, tmp_path / "b")
    with pytest.raises(export.ExportError, match="use 2 or more|size 1"):
        write(Small(), {"x": torch.randn(1, 4)}, {"x": {0: Dim("B", max=8)}}, tmp_path / "b")
    with pytest.raises(export.ExportError, match="must begin with a capital letter"):
        write(Small(), {"x": torch.randn(3, 4)}, {"x": {0: Dim("batch", max=8)}}, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


class Views(nn.Module):
    def forward(self, x):  # [B, 2, 6]
        turned = x.transpose(1, 2)[:, 1:4]  # a strided view of a strided view
        return strata.ops.softmax(turned), x[:, 1], x.reshape(x.shape[0], 12).unsqueeze(1)


def test_views_are_lowered_with_copies_where_a_kernel_needs_them(tmp_path):
    write(
        Views(), {"x": torch.randn(3, 2, 6)}, {"x": {0: Dim("B", max=8)}}, tmp_path / "b", output_names=["a", "b", "c"]
    )
    for batch in (1, 2, 5):
        x = torch.randn(batch, 2, 6)
        got = strata.runtime.load(tmp_path / "b")(x=x)
        assert all(torch.equal(got[n], w) for n, w in zip("abc", Views()(x), strict=True))


class Stock(torch.nn.Module):
    """PyTorch's own modules: nothing of Strata in it."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.LayerNorm(8), torch.nn.Linear(8, 4)
        )

    def forward(self, x):
        return torch.softmax(self.body(x) + x, -1)


def test_a_model_of_pytorchs_own_modules_is_lowered_to_the_kernels(tmp_path):
    torch.manual_seed(0)
    report = write(Stock(), {"x": torch.randn(3, 4)}, {"x": {0: Dim("B", max=8)}}, tmp_path / "b")
    assert report.operators == {"linear": 2, "layer_norm": 1, "softmax": 1}
    assert 0 <= report.differences["output"] < 8


def test_an_older_bundle_is_replaced_whole_and_anything_else_is_left_alone(tmp_path):
    path = tmp_path / "b"
    small(path)
    (path / "left over").write_text("")
    small(path)
    names = {"manifest.json", "plan.json", "weights.safetensors", "golden.safetensors"}
    assert {p.name for p in path.iterdir()} == names
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(export.ExportError, match="is no bundle: it is not overwritten"):
        small(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    assert {p.name for p in tmp_path.iterdir()} == {"b", "mine"}


@pytest.mark.parametrize("options,words", [
    ({"name": "a/b"}, "the model's name is 'a/b'"),
    ({"tokenizer": "nowhere.json"}, "nowhere.json"),
    ({"output_names": ["a", "b"]}, "the model has 1 outputs, but 2 names were given"),
])
def test_a_failed_export_leaves_nothing_behind(options, words, tmp_path):
    with pytest.raises((export.ExportError, OSError), match=words):
        small(tmp_path / "b", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_older_bundle(tmp_path):
    small(tmp_path / "b")
    before = (tmp_path / "b" / "manifest.json").read_bytes()
    with pytest.raises(OSError):
        small(tmp_path / "b", tokenizer="nowhere.json")
    assert (tmp_path / "b" / "manifest.json").read_bytes() == before


def test_the_interpreter_says_what_is_wrong_with_inputs(tmp_path):
    small(tmp_path / "b")
    plan = strata.runtime.load(tmp_path / "b")
    for inputs, words in (
        ({}, "input x is missing"),
        ({"x": torch.ones(2, 5)}, r"input x has shape \[2, 5\], wanted \['B', 4\]"),
        ({"x": torch.ones(2, 4).double()}, r"input x is float64 \[2, 4\], wanted float32"),
        ({"x": torch.ones(2, 4), "y": torch.ones(2)}, "unknown inputs: y"),
        ({"x": torch.ones(65, 4)}, "B is 65, wanted 1 to 64"),
    ):
        with pytest.raises(ValueError, match=words):
            plan(**inputs)


def test_a_plan_whose_sizes_are_code_is_refused(tmp_path):
    small(tmp_path / "b")
    path = tmp_path / "b" / "plan.json"
    path.write_text(path.read_text().replace('"shape": ["B", 6]', '"shape": ["().__class__", 6]'))
    with pytest.raises(ValueError, match="is no expression of sizes"):
        strata.runtime.load(tmp_path / "b")(x=torch.ones(2, 4))


def test_a_bundle_of_another_operator_version_is_refused(tmp_path):
    small(tmp_path / "b")
    path = tmp_path / "b" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["ops"]["linear"] = "0" * 16
    path.write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="operator linear has changed since the export"):
        strata.runtime.load(tmp_path / "b")
