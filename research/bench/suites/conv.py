"""Convolutions of models that people have: each of their distinct layers, batch 1 and 8. The weights are constants: a
side that prepares them may."""

import dataclasses

import torch
from torch.nn import functional as F

from strata import ops

from .. import peers
from ..case import Case, missing, skip

UNIT = "GFLOP/s"


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer of a model: channels in and out, kernel, stride, the image it sees, groups; padded as models do."""

    model: str
    channels: int
    outputs: int
    kernel: int
    size: int
    stride: int = 1
    groups: int = 1
    sequence: bool = False  # one spatial dim
    padding: int = -1  # -1: half of the kernel

    @property
    def pad(self):
        return self.kernel // 2 if self.padding < 0 else self.padding

    @property
    def out(self):
        return (self.size + 2 * self.pad - self.kernel) // self.stride + 1

    def name(self, batch):
        """resnet50 3x3 s2 128->128 at 56, batch 8"""
        kernel = f"k{self.kernel}" if self.sequence else f"{self.kernel}x{self.kernel}"
        kind = "depthwise " if self.groups > 1 else ""
        strided = f" s{self.stride}" if self.stride > 1 else ""
        channels = f"{self.channels}" if self.groups > 1 else f"{self.channels}->{self.outputs}"
        return f"{self.model} {kind}{kernel}{strided} {channels} at {self.size}, batch {batch}"

    def flops(self, batch):
        dims = 1 if self.sequence else 2
        return 2.0 * batch * self.outputs * self.out**dims * self.channels // self.groups * self.kernel**dims

    def bytes(self, batch):
        dims = 1 if self.sequence else 2
        weight = self.outputs * self.channels // self.groups * self.kernel**dims
        return 4.0 * (batch * (self.channels * self.size**dims + self.outputs * self.out**dims) + weight)


def _depthwise(model, channels, kernel, size, stride=1):
    return Layer(model, channels, channels, kernel, size, stride, channels)


def _resnet():
    """ResNet-50's distinct layers (stride in the 3x3, as torchvision has it)."""
    yield Layer("resnet50", 3, 64, 7, 224, 2)
    inside, before = 64, 64
    for size in (56, 28, 14, 7):
        outside = 4 * inside
        if size == 56:
            yield Layer("resnet50", 64, 64, 1, 56)
        else:
            yield Layer("resnet50", before, inside, 1, 2 * size)
            yield Layer("resnet50", inside, inside, 3, 2 * size, 2)
            yield Layer("resnet50", before, outside, 1, 2 * size, 2)
        yield Layer("resnet50", inside, inside, 3, size)
        yield Layer("resnet50", inside, outside, 1, size)
        yield Layer("resnet50", outside, inside, 1, size)
        inside, before = 2 * inside, outside


def _mobile():
    """MobileNetV3's (large) and EfficientNet-B0's, the distinct kinds at each size."""
    yield Layer("mobilenetv3", 3, 16, 3, 224, 2)
    yield Layer("mobilenetv3", 16, 64, 1, 112)
    yield Layer("mobilenetv3", 24, 72, 1, 56)
    yield Layer("mobilenetv3", 72, 40, 1, 28)
    yield Layer("mobilenetv3", 40, 120, 1, 28)
    yield Layer("mobilenetv3", 80, 480, 1, 14)
    yield Layer("mobilenetv3", 672, 112, 1, 14)
    yield Layer("mobilenetv3", 160, 960, 1, 7)
    yield Layer("mobilenetv3", 960, 160, 1, 7)
    yield Layer("mobilenetv3", 960, 240, 1, 1)
    yield _depthwise("mobilenetv3", 16, 3, 112)
    yield _depthwise("mobilenetv3", 64, 3, 112, 2)
    yield _depthwise("mobilenetv3", 72, 3, 56)
    yield _depthwise("mobilenetv3", 120, 5, 28)
    yield _depthwise("mobilenetv3", 480, 3, 14)
    yield _depthwise("mobilenetv3", 672, 5, 14, 2)
    yield _depthwise("mobilenetv3", 960, 5, 7)
    yield Layer("efficientnet", 32, 16, 1, 112)
    yield Layer("efficientnet", 16, 96, 1, 112)
    yield Layer("efficientnet", 144, 24, 1, 56)
    yield Layer("efficientnet", 240, 40, 1, 28)
    yield Layer("efficientnet", 480, 112, 1, 14)
    yield Layer("efficientnet", 192, 1152, 1, 7)
    yield Layer("efficientnet", 1152, 320, 1, 7)
    yield _depthwise("efficientnet", 96, 3, 112, 2)
    yield _depthwise("efficientnet", 144, 5, 56, 2)
    yield _depthwise("efficientnet", 240, 5, 28)
    yield _depthwise("efficientnet", 1152, 3, 7)


def _others():
    yield Layer("ddpm", 128, 128, 3, 32)
    yield Layer("ddpm", 256, 256, 3, 16)
    yield Layer("ddpm", 512, 256, 3, 8)
    yield Layer("vit", 3, 384, 16, 224, 16, padding=0)
    yield Layer("whisper", 80, 384, 3, 3000, sequence=True)
    yield Layer("whisper", 384, 384, 3, 3000, 2, sequence=True)


# A short run's: one of each kind.
_QUICK = (
    Layer("resnet50", 3, 64, 7, 224, 2),
    Layer("resnet50", 64, 64, 3, 56),
    Layer("resnet50", 256, 128, 1, 56),
    Layer("resnet50", 512, 512, 3, 7),
    Layer("resnet50", 1024, 2048, 1, 14, 2),
    Layer("mobilenetv3", 160, 960, 1, 7),
    _depthwise("mobilenetv3", 72, 3, 56),
    _depthwise("mobilenetv3", 672, 5, 14, 2),
    _depthwise("efficientnet", 1152, 3, 7),
    *_others(),
)


def _ort(layer, x, w, b, threads):
    dims = 1 if layer.sequence else 2
    attributes = {
        "kernel_shape": [layer.kernel] * dims,
        "strides": [layer.stride] * dims,
        "pads": [layer.pad] * 2 * dims,
        "group": layer.groups,
    }
    return peers.onnx([("Conv", ("x", "w", "b"), ("y",), attributes)], {"x": x}, {"w": w, "b": b}, threads)


def _made(layer, batch, dtype, options):
    dims = 1 if layer.sequence else 2
    label = layer.name(batch)
    if reason := missing("convolution"):
        return skip(label, reason)
    x = torch.randn(batch, layer.channels, *[layer.size] * dims).to(dtype)
    w = torch.randn(layer.outputs, layer.channels // layer.groups, *[layer.kernel] * dims).to(dtype)
    b = torch.randn(layer.outputs).to(dtype)
    theirs = F.conv1d if layer.sequence else F.conv2d
    ones = [1] * (3 - dims)
    deep, weight = (t.reshape(*t.shape[:2], *ones, *t.shape[2:]) for t in (x, w))
    words = ("w",) if layer.sequence else ("h", "w")
    attrs = {f"stride_{d}": layer.stride for d in words} | {f"padding_{d}": layer.pad for d in words}
    sides = {"eager": lambda: theirs(x, w, b, stride=layer.stride, padding=layer.pad, groups=layer.groups)}
    if dtype == torch.float32:
        sides |= _ort(layer, x, w, b, options.threads)
    return Case(
        label,
        lambda: ops.convolution(deep, weight, b, groups=layer.groups, **attrs),
        sides,
        work=layer.flops(batch),
        bytes=layer.bytes(batch) * x.element_size() / 4,
        roof="fma_f32" if dtype == torch.float32 else "bf16",
        dtype=str(dtype).removeprefix("torch."),
    )


def _all(options):
    """(layer, batch, dtype)"""
    if options.tiny:
        small = Layer("resnet50", 4, 6, 3, 8), _depthwise("mobilenetv3", 5, 3, 8), Layer("whisper", 4, 6, 3, 9, 2)
        yield from ((layer, 2, torch.float32) for layer in small)
        return
    layers = _QUICK if options.quick else (*_resnet(), *_mobile(), *_others())
    for batch in (1, 8):
        yield from ((layer, batch, torch.float32) for layer in layers)
    yield from ((layer, 1, torch.bfloat16) for layer in _QUICK[:6])


def cases(options):
    for layer, batch, dtype in _all(options):
        yield layer.name(batch), lambda a=(layer, batch, dtype): _made(*a, options)
