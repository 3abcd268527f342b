"""A plan that is too far from its model: the error says what brings it, by operator and line, or by rewrite."""

import pytest
import torch
from torch.export import Dim

import strata
from strata import export
from strata.export.lowerings import TABLE
from strata.export.rewrites import residuals


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.up, self.down = torch.nn.Linear(4, 8), torch.nn.Linear(8, 4)

    def forward(self, x):
        hidden = torch.tanh(self.up(x))
        first, second = torch.cosh(hidden).chunk(2, 1)
        scaled = torch.sigmoid(torch.cat([first * 2, second], 1))
        return self.down(scaled) + x


def write(model, path, **options):
    batch = {"x": {0: Dim("B", max=8)}}
    return strata.export(model, {"x": torch.randn(3, 4)}, path=path, name="m", dynamic_shapes=batch, **options)


@pytest.fixture
def cosh(monkeypatch):
    """An operator that the model needs, lowered rightly; a test may break it."""

    def lower(function):
        def lowering(build, node, x):
            from strata.export.lowerings.pointwise import fused

            return fused(build, node.meta["val"], function, x)

        monkeypatch.setitem(TABLE, torch.ops.aten.cosh.default, lowering)

    lower(lambda v: (torch.exp(v) + torch.exp(-v)) * 0.5)
    return lower


def test_a_model_that_is_lowered_rightly_exports(cosh, tmp_path):
    assert write(Model(), tmp_path / "b").differences["output"] < 16


def test_a_broken_lowering_is_named_with_the_models_line(cosh, tmp_path):
    cosh(lambda v: (torch.exp(v) + torch.exp(-v)) * 0.5001)
    with pytest.raises(export.ExportError, match="output output of the plan differs") as error:
        write(Model(), tmp_path / "b", tolerance=100.0)
    said = str(error.value)
    assert "It comes from aten.cosh.default (cosh, " in said and "bisect_test.py" in said
    assert "first, second = torch.cosh(hidden).chunk(2, 1)" in said
    assert "sigmoid" not in said and "linear" not in said  # they pass on what they are given
    assert not (tmp_path / "b").exists()


def test_a_broken_rewrite_is_named(cosh, tmp_path, monkeypatch):
    right = residuals.apply

    def apply(steps, outputs, build):
        steps = right(steps, outputs, build)
        for step in steps:
            if step.name == "linear":
                step.inputs = [*step.inputs[:4], None]
        return steps

    monkeypatch.setattr(residuals, "apply", apply)
    with pytest.raises(export.ExportError, match=r"It comes from the rewrite residuals: .*rewrites=\['-residuals'\]"):
        write(Model(), tmp_path / "b")
    assert write(Model(), tmp_path / "b", rewrites=["-residuals"]).differences["output"] < 16


def test_a_difference_that_grows_step_by_step_is_told_so(cosh, tmp_path):
    class Grows(torch.nn.Module):
        def forward(self, x):
            for _ in range(12):
                x = torch.sin(torch.exp(x) * 5)  # chaotic: it makes much of the last place
            return x

    with pytest.raises(export.ExportError, match="No operator brings it alone: it has grown beyond that by aten"):
        write(Grows(), tmp_path / "b", tolerance=50.0)


def test_a_graph_that_differs_from_the_model_is_told_so(cosh, tmp_path):
    class Other(torch.nn.Module):
        def forward(self, x):
            return x * 2 if torch.compiler.is_exporting() else x * 3

    with pytest.raises(export.ExportError, match="it is the graph that differs from the model"):
        write(Other(), tmp_path / "b")
