"""Small bundles, exported as users export theirs.

path = bundles.classifier(tmp_path)
"""

import contextlib
import os

import torch
from torch import nn

import strata


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 3))

    def forward(self, x):
        scores = self.body(x)
        return scores.softmax(-1), scores.argmax(-1)


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, image, shift):
        y = torch.relu(self.norm(self.first(image)))
        return {"mean": (y + shift).mean((2, 3)), "rows": y.transpose(1, 2).flatten(2)[:, 1:3]}


def _export(model, inputs, path):
    torch.manual_seed(3)
    shapes = {name: {0: torch.export.Dim("B", min=1, max=16)} for name in inputs}
    with open(os.devnull, "w") as quiet, contextlib.redirect_stderr(quiet):
        strata.export(model.eval(), inputs, path=str(path), name=path.stem, dynamic_shapes=shapes)
    return str(path)


def classifier(folder):
    return _export(Classifier(), {"x": torch.randn(3, 6)}, folder / "classifier.bundle")


def images(folder):
    inputs = {"image": torch.randn(2, 2, 5, 4), "shift": torch.randn(2, 4, 1, 1)}
    return _export(Images(), inputs, folder / "images.bundle")
