"""`strata.export(model, example_inputs, ...)`: a PyTorch model to a bundle that the service runs with the same bits.

B, N = torch.export.Dim("B", max=256), torch.export.Dim("N", max=16384)
report = strata.export(model, {"ids": ids, "cu_seqlens": ends}, path="minilm.bundle", name="minilm",
                       dynamic_shapes={"ids": {0: N}, "cu_seqlens": {0: B + 1}}, output_names=["embedding"])

Several entry points, which share their weights:

Entry = strata.export.Entry
strata.export({"encode": Entry(model.encode, {"x": x}, {"x": {0: B}}),
               "decode": Entry(model.decode, {"z": z}, {"z": {0: B}})}, path="vae.bundle", name="vae")
"""

import dataclasses
import sys
import types

from . import _bundle, _quantize
from ._entries import Entry, Options, make
from ._errors import ExportError
from ._plan import Constants
from ._report import Report, report
from .onnx import from_onnx
from .pt2 import from_pt2

__all__ = ["Entry", "Exportable", "ExportError", "Report", "export", "from_onnx", "from_pt2"]


@dataclasses.dataclass
class Exportable:
    """What `strata export module:function` expects the function to return: the arguments of `export`."""

    model: object  # a torch.nn.Module, or {entry point: Entry}
    example_inputs: dict | None = None
    dynamic_shapes: dict | None = None
    name: str = "model"
    output_names: list | None = None
    entry_point: str = "forward"
    description: str = ""
    version: str = "1"
    tokenizer: str | None = None
    embeddings: dict | None = None
    more_examples: tuple = ()
    padding: str = "auto"


def _given(model, example_inputs, dynamic_shapes, output_names, entry_point, more_examples):
    """{name: Entry} from either form of the arguments."""
    if not isinstance(model, dict):
        if example_inputs is None:
            raise ExportError("example_inputs are missing: what the model is called with while it is traced")
        return {entry_point: Entry(model, example_inputs, dynamic_shapes or {}, output_names, more_examples)}
    if example_inputs is not None or dynamic_shapes is not None or output_names or more_examples:
        raise ExportError("with several entry points, each Entry has its own example inputs, shapes and names")
    if not model:
        raise ExportError("there is no entry point")
    for name, entry in model.items():
        if not isinstance(entry, Entry):
            raise ExportError(f"entry point {name} is a {type(entry).__name__}, wanted a strata.export.Entry")
    return model


def export(
    model,
    example_inputs=None,
    *,
    path,
    name,
    dynamic_shapes=None,
    output_names=None,
    entry_point="forward",
    description="",
    version="1",
    tokenizer=None,
    embeddings=None,
    more_examples=(),
    tolerance=1024.0,
    rewrites=(),
    quantize=None,
    padding="auto",
):
    """Traces `model`, lowers it to a plan, runs the plan in Python for the golden, and writes the bundle `path`.

    Args:
        model: a module, called as `model(**example_inputs)` and exported in eval mode; or {name: Entry}, the entry
            points of the bundle, of which the first is the default one. They share weights that they have in common.
        example_inputs: {argument name: tensor}, or the positional arguments; tensors may lie in lists and dicts. Every
            dynamic dim has size 2 or more.
        path: the folder to write; an older bundle there is replaced whole.
        name: what the service calls the model.
        dynamic_shapes: {argument name: {dim: torch.export.Dim}}, or in the order of the arguments; dim names begin
            with a capital.
        output_names: names of the model's outputs, in order; otherwise the model's own, or "output".
        entry_point: the entry point's name.
        tokenizer: a tokenizer.json to put into the bundle.
        embeddings: the manifest's `embeddings` section, for `/v1/embeddings`.
        more_examples: further inputs for the golden, beside the example and its first item.
        tolerance: the largest difference from the eager model that is let through, in units of the last place of the
            output's largest magnitude.
        rewrites: rules to switch on ("views") or off ("-gates") by name; "none" switches all off, "fast" all on, those
            that change bits included (docs/design/export.md).
        quantize: "int8": dense layers with int8 weights, a scale for each output, and inputs quantised row by row;
            "bf16": parameters and arithmetic in bfloat16, inputs and outputs as before. The plan in full precision is
            compared with the eager model as ever; then the report and the manifest say how far the quantised one is
            from the eager model, on the example and more_examples.

        padding: "auto": inputs [batch, length] and a mask become tokens laid end to end and their offsets wherever that
            is proved to give every token and sequence the bits that it has; "remove": the same without a mask, and an
            error where it is not proved; "keep": the inputs stay as they are (docs/design/export.md).

    A buffer that the model changes is state: an input of its name, and an output `<name>.next` to give to the next call
    (docs/formats/bundle.md); so is an argument that it changes. Outputs that are no tensors are left out and reported.

    Returns: a Report.
    Raises: ExportError that names the operator, the line of the model and what to do.
    """
    entries = _given(model, example_inputs, dynamic_shapes, output_names, entry_point, more_examples)
    _quantize.check(quantize)
    constants, options = Constants(), Options(tolerance, rewrites, quantize, padding)
    made = {at: make(entry, constants, options) for at, entry in entries.items()}
    first = next(iter(entries.values())).module
    _bundle.write(
        path,
        name=name,
        entries=made,
        weights=constants.tensors,
        tokenizer=tokenizer,
        embeddings=embeddings,
        description=description,
        version=version,
        quantize=quantize,
        provenance={"source": f"{type(first).__module__}:{type(first).__qualname__}"} | _paddings(made),
    )
    return report(path, made, constants.tensors, quantize)


def _paddings(made):
    """What the manifest says of padding, where a model has any."""
    said = {name: one.padding for name, one in made.items() if one.padding != "kept"}
    return {"padding": said} if said else {}


class _CallableModule(types.ModuleType):
    """So that both `strata.export(model, ...)` and `strata.export.Exportable` work."""

    def __call__(self, *args, **kwargs):
        return export(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
