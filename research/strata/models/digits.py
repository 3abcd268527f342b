"""A classifier of handwritten digits: scikit-learn's 1,797 real scans of 8 x 8 pixels (Alpaydin & Kaynak 1998).

    data = load_data()
    model, history = train(data)
    strata.train.accuracy(model, *data.test)
"""

import contextlib
import dataclasses

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from .. import nn
from .. import train as training
from ..export import Exportable

CLASSES, PIXELS, WIDTH = 10, 64, 256


class Block(nn.Module):
    """x [B, D] -> x + linear(gelu(linear(norm(x))))."""

    def __init__(self, parts):
        super().__init__()
        self.norm, self.up, self.gelu = parts.RmsNorm(WIDTH, eps=1e-6), parts.Linear(WIDTH, WIDTH), parts.Gelu()
        self.down, self.add = parts.Linear(WIDTH, WIDTH), parts.Add()

    def forward(self, x: Tensor) -> Tensor:
        return self.add(self.down(self.gelu(self.up(self.norm(x)))), x)


class DigitClassifier(nn.Module):
    """pixels [B, 64] in 0..1 -> logits [B, 10].

    `parts` is strata.nn, or Plain for the same network of PyTorch's own modules; the parameters have the same names.
    """

    def __init__(self, parts=nn):
        super().__init__()
        self.stem = parts.Linear(PIXELS, WIDTH)
        self.blocks = nn.Sequential(Block(parts), Block(parts))
        self.norm, self.head = parts.RmsNorm(WIDTH, eps=1e-6), parts.Linear(WIDTH, CLASSES)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.stem(pixels))))


class _PlainAdd(torch.nn.Module):
    def forward(self, x, y):
        return x + y


class Plain:
    """PyTorch's own modules under the names that DigitClassifier asks for."""

    Linear, RmsNorm, Gelu, Add = torch.nn.Linear, torch.nn.RMSNorm, torch.nn.GELU, _PlainAdd


class Served(nn.Module):
    """What the service answers: logits and probabilities, both [B, 10]."""

    def __init__(self, classifier):
        super().__init__()
        self.classifier, self.softmax = classifier, nn.Softmax()

    def forward(self, pixels: Tensor):
        logits = self.classifier(pixels)
        return logits, self.softmax(logits)


@dataclasses.dataclass
class Data:
    """(pixels [M, 64] float32 in 0..1, labels [M] int64) for training and for the test."""

    train: tuple
    test: tuple


def load_data(seed=0, test=450) -> Data:
    """The scans, shuffled by `seed`; the last `test` of them are never trained on."""
    raw = load_digits()
    order = torch.randperm(len(raw.target), generator=torch.Generator().manual_seed(seed))
    # Pixels are 0 to 16: a sixteenth is exact in every float dtype.
    pixels = torch.from_numpy(raw.data).to(torch.float32)[order] / 16
    labels = torch.from_numpy(raw.target).to(torch.int64)[order]
    return Data((pixels[:-test], labels[:-test]), (pixels[-test:], labels[-test:]))


@contextlib.contextmanager
def _one_thread():
    # Batches of 64 x 256 are too small to share: two threads wait for each other longer than they work.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def train(data: Data, parts=nn, seed=0, epochs=30, show=True, label="training"):
    """Trains from scratch. Returns (model, strata.train.History); the same seed gives the same bits."""
    torch.manual_seed(seed)
    model = DigitClassifier(parts)
    loss = nn.CrossEntropyLoss() if parts is nn else torch.nn.CrossEntropyLoss()
    with _one_thread():
        history = training.fit(model, *data.train, loss, epochs=epochs, seed=seed, show=show, label=label)
    return model, history


def exportable(model=None) -> Exportable:
    """The classifier as the service runs it; trains one where none is given: `strata export
    strata.models.digits:exportable`."""
    if model is None:
        model, _ = train(load_data())
    example = load_data().test[0][:3]
    return Exportable(
        model=Served(model),
        example_inputs={"pixels": example},
        dynamic_shapes={"pixels": {0: torch.export.Dim("B", max=65536)}},
        name="digits",
        output_names=["logits", "probabilities"],
        entry_point="classify",
        description="handwritten digits, 8 x 8 pixels in 0..1, to logits and probabilities of 0..9",
    )
