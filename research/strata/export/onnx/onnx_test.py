"""ONNX models: every operator beside onnx's own reference, whole models of torch.onnx, files that must be refused."""

import json
import os

import numpy as np
import onnx
import pytest
import torch
import transformers
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import strata
from strata import export
from strata.export.onnx._table import TABLE

NEWEST = onnx.defs.onnx_opset_version()
OPSET = min(NEWEST, 25)
_GENERATOR = np.random.default_rng(0)


def noise(*shape, dtype=np.float32):
    return _GENERATOR.standard_normal(shape).astype(dtype)


def whole(*shape, low=0, high=3, dtype=np.int64):
    return _GENERATOR.integers(low, high, shape).astype(dtype)


def model(nodes, inputs, weights=(), outputs=("y",), opset=OPSET):
    """inputs: {name: (array, names of its open dims)}; the outputs' types are left to onnx's shape inference."""
    def info(name, array, dims):
        shape = [dims.get(axis, size) for axis, size in enumerate(array.shape)]
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)

    given = [info(name, array, dims) for name, (array, dims) in inputs.items()]
    held = [numpy_helper.from_array(array, name) for name, array in dict(weights).items()]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph(nodes, "g", given, results, held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    made = onnx.shape_inference.infer_shapes(made)
    for output in made.graph.output:
        if not output.type.tensor_type.elem_type:  # GroupNormalization, which is a function of others
            output.CopyFrom(helper.make_tensor_value_info(output.name, TensorProto.FLOAT, [None] * 4))
    return made


def check(made, inputs, folder, tolerance=2e-6, dims=None, **options):
    """Exports, and compares the plan with the reference at the example's sizes and with one item less."""
    path = folder / "m.onnx"
    onnx.save_model(made, path)
    tensors = {name: torch.from_numpy(array) for name, (array, _) in inputs.items()}
    entry = export.from_onnx(path, example=tensors, dims=dims)
    strata.export({"forward": entry}, path=folder / "b", name="m", **options)
    plan, reference = strata.runtime.load(folder / "b"), ReferenceEvaluator(made)
    cases = [inputs]
    if all(0 in dims for _, dims in inputs.values()) and inputs:
        cases.append({name: (array[1:], dims) for name, (array, dims) in inputs.items()})
    for case in cases:
        wanted = reference.run(None, {name: array for name, (array, _) in case.items()})
        got = plan(**{name: torch.from_numpy(np.ascontiguousarray(array)) for name, (array, _) in case.items()})
        for (name, mine), theirs in zip(got.items(), wanted, strict=True):
            theirs = np.asarray(theirs)
            assert (list(mine.shape), str(mine.dtype)) == (list(theirs.shape), f"torch.{theirs.dtype}"), name
            scale = max(1.0, float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0)) if theirs.size else 1.0)
            np.testing.assert_allclose(mine.numpy(), theirs, rtol=0, atol=tolerance * scale, err_msg=name)
    return plan


def one(op, *inputs, weights=(), opset=OPSET, outputs=1, fixed=False, **attrs):
    """A case of one node: its inputs are arrays that a request has, `weights` are constants by position."""
    return op, inputs, dict(weights), opset, outputs, fixed, attrs


def i64(*values):
    return np.array(values, np.int64)


X = noise(3, 4, 6)
IMAGE = noise(2, 4, 6, 5)
CASES = [
    *(one(op, X) for op in ("Abs", "Exp", "Erf", "Tanh", "Sigmoid", "Relu", "Softplus", "Softsign", "Floor", "Ceil",
                            "Round", "Sign", "Sin", "Cos", "Tan", "Neg", "Identity", "HardSwish", "Mish", "Gelu", "Elu",
                            "Celu", "Selu", "HardSigmoid", "LeakyRelu", "ThresholdedRelu", "IsNaN", "Softmax",
                            "LogSoftmax", "Reciprocal", "Swish", "Sinh", "Cosh", "Flatten", "Shape", "Size", "Dropout",
                            "LpNormalization", "IsInf")),
    one("Log", abs(X)), one("Sqrt", abs(X)), one("Not", X > 0),
    one("Gelu", X, approximate="tanh"), one("Swish", X, alpha=1.5), one("IsInf", X / 0, detect_negative=0),
    *(one(op, X, noise(3, 4, 1)) for op in ("Add", "Sub", "Mul", "Div", "Less", "Greater", "LessOrEqual", "Max", "Min",
                                           "GreaterOrEqual", "Sum", "Mean")),
    one("Equal", whole(3, 4), whole(3, 1)), one("And", X > 0, X > 1), one("Or", X > 0, X > 1), one("Xor", X > 0, X > 1),
    one("Pow", abs(X), weights={1: np.float32(1.5).reshape(())}),
    one("Div", whole(3, 4, low=-9, high=9), weights={1: i64(4)}), one("PRelu", X, weights={1: noise(4, 1)}),
    one("Mod", whole(3, 4, low=-9, high=9), weights={1: i64(4)}), one("Mod", X, weights={1: noise(6)}, fmod=1),
    one("Clip", X, weights={1: np.float32(-0.5), 2: np.float32(0.7)}), one("Clip", X, weights={2: np.float32(0.7)}),
    one("Where", X > 0, X, noise(3, 1, 1)), one("Cast", X * 9, to=TensorProto.INT64),
    one("Cast", X, to=TensorProto.DOUBLE), one("CastLike", whole(3, 4), weights={1: noise(1)}),
    *(one(op, X, weights={1: i64(-1, 1)}) for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1",
                                                     "ReduceL2", "ReduceSumSquare")),
    one("ReduceLogSum", abs(X), weights={1: i64(1)}, keepdims=0), one("ReduceLogSumExp", X, weights={1: i64(2)}),
    one("ReduceProd", X, weights={1: i64(2)}), one("ReduceMean", X, axes=[1], opset=13, keepdims=0),
    one("ReduceSum", X, fixed=True), one("ArgMax", X, axis=1), one("ArgMin", X, axis=-1, keepdims=0),
    one("TopK", X, weights={1: i64(2)}, outputs=2), one("TopK", X, weights={1: i64(2)}, outputs=2, axis=1, largest=0),
    one("CumSum", X, weights={1: i64(1).reshape(())}), one("CumSum", X, weights={1: i64(2).reshape(())}, exclusive=1),
    one("CumSum", X, weights={1: i64(1).reshape(())}, reverse=1), one("Softmax", X, axis=1),
    one("OneHot", whole(3, 4, low=-2), weights={1: np.int64(4), 2: np.array([0.5, 2], np.float32)}),
    one("OneHot", whole(3, 4), weights={1: np.int64(4), 2: np.array([0, 1], np.int64)}, axis=1),
    one("Reshape", X, weights={1: i64(0, -1, 2)}), one("Reshape", X, weights={1: i64(-1, 24)}),
    one("Transpose", X, perm=[0, 2, 1]), one("Transpose", X), one("Flatten", X, axis=2),
    one("Squeeze", noise(3, 1, 4), weights={1: i64(1)}), one("Unsqueeze", X, weights={1: i64(0, -1)}),
    one("Concat", X, X, axis=1), one("Split", X, weights={1: i64(1, 3)}, axis=1, outputs=2),
    one("Split", X, axis=2, outputs=4, num_outputs=4), one("Slice", X, weights={1: i64(1), 2: i64(9), 3: i64(1)}),
    one("Slice", X, weights={1: i64(-3, 0), 2: i64(-1, 2**62), 3: i64(2, 1), 4: i64(1, 2)}),
    one("Slice", X, weights={1: i64(-1), 2: i64(-(2**62)), 3: i64(1), 4: i64(-1)}),
    one("Slice", X, weights={1: i64(3), 2: i64(0), 3: i64(2), 4: i64(-2)}),
    one("Gather", X, weights={1: i64(1, -1)}, axis=1), one("Gather", X, weights={1: i64(2).reshape(())}, axis=2),
    one("Gather", whole(3, 4, low=-5, high=5), weights={0: noise(5, 6)}),
    one("GatherElements", X, whole(3, 2, 6, low=-4, high=4), axis=1),
    one("GatherND", whole(3, 2, high=4), weights={0: noise(4, 5, 2)}),
    one("ScatterND", noise(3, 4), weights={0: noise(9, 4), 1: i64([5], [0], [8])}, fixed=True),
    one("Expand", noise(3, 1, 6), weights={1: i64(1, 4, 1)}), one("Expand", noise(3, 6), weights={1: i64(2, 1, 6)}),
    one("Tile", X, weights={1: i64(1, 2, 3)}), one("Trilu", X), one("Trilu", X, weights={1: i64(-1)}, upper=0),
    one("Pad", X, weights={1: i64(0, 1, 0, 0, 0, 2)}),
    one("Pad", X, weights={1: i64(1, 0), 2: np.float32(1.5), 3: i64(1)}),
    one("Pad", IMAGE, weights={1: i64(0, 0, 1, 2, 0, 0, 2, 1)}, mode="reflect"),
    one("DepthToSpace", noise(2, 8, 3, 4), blocksize=2), one("SpaceToDepth", noise(2, 3, 4, 6), blocksize=2),
    one("DepthToSpace", noise(2, 8, 3, 4), blocksize=2, mode="CRD"),
    one("MatMul", X, weights={1: noise(6, 5)}), one("MatMul", X, noise(3, 6, 2)),
    one("Gemm", noise(3, 6), weights={1: noise(5, 6), 2: noise(5)}, transB=1),
    one("Gemm", noise(3, 6), weights={1: noise(6, 5), 2: noise(1, 5)}, alpha=0.5, beta=2.0),
    one("Einsum", X, noise(3, 5, 6), equation="bij, bkj->bik"),
    one("LayerNormalization", X, weights={1: noise(6), 2: noise(6)}), one("RMSNormalization", X, weights={1: noise(6)}),
    one("LayerNormalization", X, weights={1: noise(4, 6)}, axis=1, epsilon=0.1),
    one("RMSNormalization", X, weights={1: noise(4, 6)}, axis=1),
    one("GroupNormalization", IMAGE, weights={1: noise(4), 2: noise(4)}, num_groups=2),
    one("BatchNormalization", IMAGE, weights={1: noise(4), 2: noise(4), 3: noise(4), 4: abs(noise(4))}),
    one("InstanceNormalization", IMAGE, weights={1: noise(4), 2: noise(4)}),
    one("Conv", IMAGE, weights={1: noise(6, 2, 3, 2), 2: noise(6)}, group=2, pads=[1, 0, 2, 1], strides=[2, 1]),
    one("Conv", noise(2, 3, 9), weights={1: noise(4, 3, 3)}, dilations=[2], auto_pad="SAME_UPPER"),
    one("Conv", noise(2, 3, 8), weights={1: noise(4, 3, 3)}, strides=[2], auto_pad="SAME_LOWER"),
    one("ConvTranspose", IMAGE, weights={1: noise(4, 3, 3, 3), 2: noise(3)}, strides=[2, 2], pads=[1, 1, 1, 1],
        output_padding=[1, 0]),
    one("MaxPool", IMAGE, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 0, 1]),
    one("AveragePool", IMAGE, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 0]),
    one("AveragePool", IMAGE, kernel_shape=[2, 2], pads=[1, 0, 0, 1], count_include_pad=1),
    one("GlobalAveragePool", IMAGE), one("GlobalMaxPool", IMAGE),
    one("Resize", IMAGE, weights={2: np.array([1, 1, 2, 2], np.float32)}, mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    one("Resize", IMAGE, weights={3: i64(2, 4, 12, 15)}, mode="nearest", fixed=True),
    one("Resize", IMAGE, weights={3: i64(2, 4, 9, 4)}, mode="linear", fixed=True),
    one("Resize", IMAGE, weights={3: i64(2, 4, 9, 4)}, mode="linear", fixed=True,
        coordinate_transformation_mode="align_corners"),
    one("Resize", IMAGE, weights={2: np.array([1, 1, 2, 2], np.float32)}, mode="cubic"),
    one("DequantizeLinear", weights={0: whole(4, 6, dtype=np.int8), 1: abs(noise(6)), 2: whole(6, dtype=np.int8)}),
    one("Attention", *(noise(3, 2, 5, 4) for _ in range(3))),
    one("Attention", *(noise(3, 2, 5, 4) for _ in range(3)), is_causal=1, scale=0.3),
    one("Attention", noise(3, 5, 8), noise(3, 6, 4), noise(3, 6, 4), q_num_heads=2, kv_num_heads=1),
    one("Attention", *(noise(3, 2, 5, 4) for _ in range(3)), weights={3: np.tri(5, 5) > 0}),
    one("Attention", *(noise(3, 2, 5, 4) for _ in range(3)), weights={3: noise(5, 5)}, is_causal=1),
    one("Attention", *(noise(3, 2, n, 4) for n in (2, 2, 2)), weights={4: noise(3, 2, 3, 4), 5: noise(3, 2, 3, 4)},
        is_causal=1, outputs=3, fixed=True),
    one("RotaryEmbedding", noise(3, 2, 5, 4), weights={1: noise(9, 2), 2: noise(9, 2), 3: whole(3, 5, high=9)},
        fixed=True),
    one("RotaryEmbedding", noise(3, 5, 12), weights={1: noise(9, 1), 2: noise(9, 1), 3: whole(3, 5, high=9)},
        fixed=True, interleaved=1, num_heads=3, rotary_embedding_dim=2),
]  # fmt: skip
if NEWEST >= 28:
    CASES.append(one("Attention", *(noise(3, 2, 5, 4) for _ in range(3)), left_window_size=2, right_window_size=0,
                     opset=NEWEST))  # fmt: skip


def _node(case, at):
    """(the node of a case, its inputs, its constants, its outputs): all names begin with its number."""
    op, given, weights, _, outputs, fixed, attrs = case
    names = [f"x{at}_{i}" for i in range(len(given))]
    arguments, left = [], list(names)
    for i in range(max([*weights, -1]) + 1):
        arguments.append(f"w{at}_{i}" if i in weights else left.pop(0) if left else "")
    made = [f"y{at}_{op}_{i}" for i in range(outputs)]
    node = helper.make_node(op, arguments + left, made, f"node{at}", **attrs)
    dims = {0: f"batch{len(given[0])}"} if given and not fixed else {}
    inputs = {name: (array, dims) for name, array in zip(names, given)}
    return node, inputs, {f"w{at}_{i}": np.asarray(array) for i, array in weights.items()}, made


def _groups():
    """Cases of one opset, so many to a model as keep an export short."""
    by = {}
    for at, case in enumerate(CASES):
        by.setdefault((case[3], case[5]), []).append((at, case))
    return [(key[0], group[i : i + 24]) for key, group in by.items() for i in range(0, len(group), 24)]


def _range(group):
    return f"{group[0][0]}-{group[-1][0]}" if isinstance(group, list) else None


@pytest.mark.parametrize("opset,group", _groups(), ids=_range)
def test_every_operator_is_what_onnx_says(opset, group, tmp_path):
    made = [_node(case, at) for at, case in group]
    inputs = {name: given for _, several, _, _ in made for name, given in several.items()}
    weights = {name: array for _, _, several, _ in made for name, array in several.items()}
    outputs = [name for *_, names in made for name in names]
    check(model([node for node, *_ in made], inputs, weights, outputs, opset), inputs, tmp_path, tolerance=2e-5)


def test_every_operator_of_the_table_has_a_case():
    sized = {"Constant", "ConstantOfShape", "Range"}  # in the test of shapes
    assert set(TABLE) - {case[0] for case in CASES} - sized == set()
    schemas = {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
    assert set(TABLE) <= schemas | {"Swish"}


def test_shapes_stay_expressions_of_the_dims(tmp_path):
    """Shape arithmetic of the usual build: batch and length are never data."""
    node = helper.make_node
    nodes = [
        node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "zero"], ["batch"]),
        node("Gather", ["shape", "one"], ["length"]), node("Unsqueeze", ["batch", "zeros"], ["batch1"]),
        node("Mul", ["length", "two"], ["twice"]), node("Unsqueeze", ["twice", "zeros"], ["twice1"]),
        node("Concat", ["batch1", "twice1", "three"], ["wanted"], axis=0), node("Reshape", ["x", "wanted"], ["r"]),
        node("Range", ["zero", "twice", "one"], ["places"]), node("Cast", ["places"], ["numbers"], to=1),
        node("Unsqueeze", ["numbers", "zeros2"], ["column"]), node("Add", ["r", "column"], ["sum"]),
        node("ConstantOfShape", ["wanted"], ["ones"], value=numpy_helper.from_array(np.array([0.5], np.float32))),
        node("Equal", ["wanted", "minus"], ["open"]), node("Where", ["open", "minus", "wanted"], ["same"]),
        node("Expand", ["half", "same"], ["halves"]), node("Slice", ["sum", "zeros", "length1", "ones1"], ["cut"]),
        node("Unsqueeze", ["length", "zeros"], ["length1"]), node("Sub", ["sum", "ones"], ["y"]),
        node("Sub", ["cut", "half"], ["z"]), node("Cast", ["length"], ["count"], to=1),
    ]  # fmt: skip
    nodes.insert(16, nodes.pop(17))
    weights = {"zero": i64(0).reshape(()), "one": i64(1).reshape(()), "two": i64(2).reshape(()), "three": i64(3),
               "zeros": i64(0), "zeros2": i64(0, 2), "ones1": i64(1), "minus": i64(-1),
               "half": np.float32(0.5)}  # fmt: skip
    inputs = {"x": (noise(3, 4, 6), {0: "batch", 1: "length"})}
    made = model(nodes, inputs, weights, ["y", "z", "halves", "count"])
    plan = check(made, inputs, tmp_path)
    assert set(plan.entry["dims"]) == {"Batch", "Length"} and plan.entry["inputs"][0]["shape"] == ["Batch", "Length", 6]
    x = noise(2, 5, 6)
    want = ReferenceEvaluator(made).run(None, {"x": x})
    got = plan(x=torch.from_numpy(x))
    for mine, theirs in zip(got.values(), want, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=0, atol=2e-6)


class Convolutions(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(8, 8, 3, 1, 1, groups=4), torch.nn.Hardswish(), torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(), torch.nn.Linear(8, 5))  # fmt: skip

    def forward(self, x):
        return self.body(x)


def _saved(module, example, dims, path, **options):
    names = list(example)
    torch.onnx.export(module.eval(), tuple(example.values()), path, input_names=names, output_names=["y"],
                      opset_version=17, dynamo=False, dynamic_axes=dims, **options)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_a_convolutional_net_of_torch_onnx(tmp_path):
    torch.manual_seed(0)
    net, x = Convolutions(), torch.randn(2, 3, 16, 16)
    _saved(net, {"x": x}, {"x": {0: "batch"}}, tmp_path / "m.onnx")
    entry = export.from_onnx(tmp_path / "m.onnx", dims={"batch": (1, 32)})
    report = strata.export({"forward": entry}, path=tmp_path / "b", name="net")
    assert report.batched and report.operators["convolution"] == 2
    with torch.no_grad():
        got = strata.runtime.load(tmp_path / "b")(x=x[:1])["y"]
        torch.testing.assert_close(got, net(x[:1]), atol=2e-6, rtol=0)


@pytest.mark.filterwarnings("ignore")
def test_a_bert_of_torch_onnx(tmp_path):
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
        max_position_embeddings=40, attn_implementation="eager")  # fmt: skip
    torch.manual_seed(0)
    bert = transformers.BertModel(config, add_pooling_layer=False).eval()

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = bert

        def forward(self, ids, mask):
            return self.bert(input_ids=ids, attention_mask=mask).last_hidden_state

    ids, mask = torch.randint(0, 50, (2, 7)), torch.ones(2, 7, dtype=torch.int64)
    mask[1, 4:] = 0
    dims = {name: {0: "batch", 1: "length"} for name in ("ids", "mask")}
    _saved(Encoder(), {"ids": ids, "mask": mask}, dims, tmp_path / "m.onnx")
    entry = export.from_onnx(tmp_path / "m.onnx", dims={"length": (1, 40)})
    strata.export({"forward": entry}, path=tmp_path / "b", name="bert")
    plan = strata.runtime.load(tmp_path / "b")
    for batch, length in ((2, 7), (1, 5)):
        given = ids[:batch, :length], mask[:batch, :length]
        with torch.no_grad():
            want = Encoder()(*given)
        torch.testing.assert_close(plan(ids=given[0], mask=given[1])["y"], want, atol=4e-6, rtol=0)


def _external(folder, **said):
    """A model whose weight lies in w.bin, with some of its external data's entries replaced."""
    made = model([helper.make_node("Add", ["x", "w"], ["y"])], {"x": (noise(3, 4), {})}, {"w": noise(4)})
    (folder / "w.bin").write_bytes(made.graph.initializer[0].raw_data)
    held = made.graph.initializer[0]
    held.ClearField("raw_data")
    held.data_location = TensorProto.EXTERNAL
    for key, value in ({"location": "w.bin", "offset": "0", "length": "16"} | said).items():
        held.external_data.add(key=key, value=value)
    (folder / "m.onnx").write_bytes(made.SerializeToString())
    return folder / "m.onnx"


def test_external_data_is_read_from_the_models_folder(tmp_path):
    entry = export.from_onnx(_external(tmp_path))
    weight = torch.frombuffer(bytearray((tmp_path / "w.bin").read_bytes()), dtype=torch.float32)
    assert torch.equal(entry.model(torch.zeros(3, 4))["y"][0], weight)


@pytest.mark.parametrize("said,words", [
    ({"location": "../w.bin"}, "wanted one of the model's own folder"),
    ({"location": "/etc/hostname"}, "wanted one of the model's own folder"),
    ({"location": "link.bin"}, "is no regular file"), ({"location": "none.bin"}, "No such file"),
    ({"offset": "1"}, "claims 16 bytes from 1 of w.bin, which has 16"), ({"offset": "-1"}, "wanted a number of bytes"),
    ({"length": "15"}, "claims 15 bytes"), ({"length": "9" * 30}, "wanted a number of bytes"),
])  # fmt: skip
def test_external_data_elsewhere_or_too_short_is_refused(said, words, tmp_path):
    path = _external(tmp_path, **said)
    os.symlink(tmp_path / "w.bin", tmp_path / "link.bin")
    with pytest.raises(export.ExportError, match=words):
        export.from_onnx(path)


def test_what_is_wrong_with_a_file_is_said(tmp_path):
    def refused(words, data, **options):
        (tmp_path / "m.onnx").write_bytes(data if isinstance(data, bytes) else data.SerializeToString())
        with pytest.raises(export.ExportError, match=words):
            strata.export({"f": export.from_onnx(tmp_path / "m.onnx", **options)}, path=tmp_path / "b", name="m")

    x = {"x": (noise(3, 4), {0: "batch"})}
    good = model([helper.make_node("Relu", ["x"], ["y"])], x)
    refused("is no valid ONNX model", b"\x08garbage")
    refused("is no valid ONNX model", good.SerializeToString()[:-9])
    refused("is of opset 12, wanted 13 or later", model([helper.make_node("Relu", ["x"], ["y"])], x, opset=12))
    refused("the model has no dim 'length'; it has batch", good, dims={"length": 3})
    several = [helper.make_node("NonZero", ["x"], ["a"], "first"), helper.make_node("NonZero", ["x"], ["b"]),
               helper.make_node("Det", ["x"], ["c"])]  # fmt: skip
    refused("NonZero: 2 nodes, the first is 'first'\n  Det: 1 nodes", model(several, x, outputs=["a", "b", "c"]))
    reshape = model([helper.make_node("Cast", ["x"], ["s"], to=7), helper.make_node("Reshape", ["x", "s"], ["y"], "r")],
                    {"x": (noise(3), {})})  # fmt: skip
    refused(r"node 'r' \(Reshape\): a shape that is computed from data", reshape)
    assert not (tmp_path / "b").exists()
    with pytest.raises(export.ExportError, match="No such file"):
        export.from_onnx(tmp_path / "none.onnx")


def test_fixed_dims_and_names_that_a_plan_cannot_have(tmp_path):
    inputs = {"x:0": (noise(3, 4), {0: "batch", 1: "width"})}
    made = model([helper.make_node("Relu", ["x:0"], ["1.y"])], inputs, (), ["1.y"])
    onnx.save_model(made, tmp_path / "m.onnx")
    entry = export.from_onnx(tmp_path / "m.onnx", dims={"width": 4})
    strata.export({"forward": entry}, path=tmp_path / "b", name="m")
    plan = json.loads((tmp_path / "b" / "plan.json").read_text())["entry_points"]["forward"]
    assert plan["inputs"] == [{"name": "x_0", "dtype": "float32", "shape": ["Batch", 4]}]
    assert [o["name"] for o in plan["outputs"]] == ["_1_y"]
