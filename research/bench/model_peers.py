"""The other sides of a whole model: PyTorch, ONNX Runtime and OpenVINO, each where it is installed.

    sides = eager(model, inputs) | compiled(model, inputs, options) | openvino(model, inputs, options)
    sides |= onnxruntime(model, inputs, options)
"""

import contextlib
import os
import tempfile

import torch

from . import bert_onnx, peers
from .case import installed


def first(output):
    """The tensor that is compared: a model's first output."""
    return output if isinstance(output, torch.Tensor) else output[0]


@contextlib.contextmanager
def silent():
    """Without what libraries print while they convert a model."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


def eager(model, inputs):
    return {"eager": lambda: first(model(**inputs))}


def compiled(model, inputs, options):
    return peers.compiled(lambda: first(model(**inputs)), options)


class OpenVinoCall:
    """A request whose inputs are set: calling it runs it; tensor() is the output."""

    def __init__(self, request, inputs):
        import openvino

        self.request = request
        for name, tensor in inputs.items():
            request.set_tensor(name, openvino.Tensor(tensor.numpy(), shared_memory=True))

    def __call__(self):
        self.request.infer()
        return self

    def tensor(self):
        return torch.from_numpy(self.request.get_output_tensor(0).data)


def openvino(model, inputs, options, precision="f32", int8=False):
    """{"openvino": call}, or nothing where it is not installed. Model and inputs are of float32 whatever the precision:
    its own way to bfloat16 is a hint. int8: calibrated on these inputs, which is more than they will ever see."""
    if not installed("openvino") or (int8 and not installed("nncf")):
        return {}
    import openvino as ov

    with silent():
        converted = ov.convert_model(model, example_input=dict(inputs))
        if int8:
            import nncf

            data = nncf.Dataset([{n: t.numpy() for n, t in inputs.items()}])
            converted = nncf.quantize(converted, data, model_type=nncf.ModelType.TRANSFORMER, subset_size=1)
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": options.threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    made = ov.Core().compile_model(converted, "CPU", settings)
    return {"openvino": OpenVinoCall(made.create_infer_request(), inputs)}


def onnxruntime(model, inputs, options):
    """{"ort": call} of PyTorch's own export to ONNX, or nothing where a package for it is missing."""
    if not peers.has_onnxruntime() or not installed("onnxscript"):
        return {}
    with silent():
        program = torch.onnx.export(model, (), kwargs=dict(inputs), dynamo=True, verbose=False)
    return peers.onnx_session(program.model_proto, inputs, options.threads)


def onnxruntime_bert(model, inputs, options, int8=False):
    """{"ort": call} of the fused graph of a BERT encoder, whose mask covers the ends of rows."""
    if not peers.has_onnxruntime():
        return {}
    given = {"input_ids": inputs["input_ids"], "ends": inputs["attention_mask"].sum(1).to(torch.int32)}
    nodes, constants = bert_onnx.graph(model)
    proto = peers.onnx_graph(nodes, given, constants)
    return peers.onnx_session(_dynamic_int8(proto) if int8 else proto, given, options.threads)


def _dynamic_int8(proto):
    """With int8 weights, one scale for each output, and inputs quantised as they come."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, silent():
        path = os.path.join(folder, "int8.onnx")
        # The fused operators' results have no type that its shape inference finds.
        quantize_dynamic(
            proto, path, per_channel=True, extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT}
        )
        return onnx.load(path)
