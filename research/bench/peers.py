"""The other sides: torch.compile, PyTorch's integer linear layers, ONNX Runtime where it is installed."""

import functools

import torch

from .case import installed


def compiled(function, options):
    """{"compile": ...}, or nothing in a quick run, where compiling would take longer than all else."""
    if options.quick:
        return {}
    torch._dynamo.config.cache_size_limit = 256
    return {"compile": torch.compile(function, dynamic=False)}


@functools.cache
def has_onnxruntime():
    return installed("onnxruntime") and installed("onnx")


def onnx_graph(nodes, inputs, constants, opset=20):
    """A model of `nodes` ((type, inputs, outputs, attributes) with output "y"); inputs and constants are float32 or
    integer tensors by name."""
    from onnx import TensorProto, helper, numpy_helper

    element = {torch.float32: TensorProto.FLOAT, torch.int64: TensorProto.INT64, torch.int32: TensorProto.INT32}
    made = [
        helper.make_node(kind, list(i), list(o), domain=attributes.pop("domain", ""), **attributes)
        for kind, i, o, attributes in ((k, i, o, dict(a)) for k, i, o, a in nodes)
    ]
    graph = helper.make_graph(
        made,
        "case",
        [helper.make_tensor_value_info(n, element[t.dtype], list(t.shape)) for n, t in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(t.detach().numpy(), n) for n, t in constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    )
    model.ir_version = 10
    return model


def onnx_session(model, inputs, threads):
    """{"ort": function} that runs the model; its first output is bound once, so that it is reused."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3
    # Its threads would spin on after a call and take the next side's cores.
    settings.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    kept = {n: t.detach().numpy() for n, t in inputs.items()}
    for name, array in kept.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    # Once, to learn the output's shape: then it is bound and reused.
    name = session.get_outputs()[0].name
    output = onnxruntime.OrtValue.ortvalue_from_numpy(session.run([name], kept)[0])
    binding.bind_ortvalue_output(name, output)
    return {"ort": OnnxCall(session, binding, output)}


def onnx(nodes, inputs, constants, threads, opset=20):
    """{"ort": function} for a graph (onnx_graph), or nothing where ONNX Runtime or the package onnx is missing."""
    if not has_onnxruntime():
        return {}
    return onnx_session(onnx_graph(nodes, inputs, constants, opset), inputs, threads)


class OnnxCall:
    """A bound session: calling it runs it; tensor() is the output."""

    def __init__(self, session, binding, output):
        self.session, self.binding, self.output = session, binding, output

    def __call__(self):
        self.session.run_with_iobinding(self.binding)
        return self

    def tensor(self):
        return torch.from_numpy(self.output.numpy())


def dynamic_int8(weight, bias=None):
    """{"torch int8": x -> y}: PyTorch's linear with int8 weights and dynamic activations, where this build has it."""
    try:
        from torch.ao.nn.quantized.dynamic import Linear
        from torch.ao.quantization import default_per_channel_weight_observer  # noqa: F401

        layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        with torch.no_grad():
            layer.weight.copy_(weight)
            if bias is not None:
                layer.bias.copy_(bias)
        layer.qconfig = torch.ao.quantization.per_channel_dynamic_qconfig
        return {"torch int8": Linear.from_float(layer)}
    except (ImportError, AttributeError, RuntimeError, AssertionError):
        return {}


def int4(weight, group, dtype):
    """{"torch int4": x -> y}: PyTorch's packed int4 linear, where this build has it."""
    try:
        packed, scales = _pack_int4(weight, group, dtype)
        run = torch.ops.aten._weight_int4pack_mm_for_cpu
        return {"torch int4": lambda x: run(x, packed, group, scales)}
    except (AttributeError, RuntimeError):
        return {}


def _pack_int4(weight, group, dtype):
    out, inner = weight.shape
    grouped = weight.float().view(out, inner // group, group)
    low, high = grouped.amin(-1, keepdim=True), grouped.amax(-1, keepdim=True)
    scale = ((high - low) / 15).clamp(min=1e-6)
    quantised = ((grouped - low) / scale).round().clamp(0, 15).to(torch.int32).view(out, inner)
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(quantised, 1)
    zeros = low + 8 * scale
    both = torch.stack((scale.squeeze(-1), zeros.squeeze(-1)), -1).transpose(0, 1).contiguous().to(dtype)
    return packed, both
