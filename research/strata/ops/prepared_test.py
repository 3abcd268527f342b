"""Prepared weights: made at the second call, dropped with the tensor, and never stale, whatever the weight becomes."""

import gc
import threading

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from strata import nn, ops

CACHE = ops.caches["linear"]


@pytest.fixture(autouse=True)
def _empty():
    CACHE.clear()
    yield
    CACHE.clear()


@pytest.fixture
def weight():
    return torch.nn.Parameter(torch.randn(170, 140))


X = torch.randn(256, 140)  # fewer rows read a plain weight as fast


def run(weight, x=X):
    with torch.no_grad():
        return ops.linear(x, weight)


def expect_fresh(weight, x=X):
    """Three calls, so that a prepared form is made and used, give what the operator gives without one."""
    want = torch.ops.strata.linear(x, weight).detach()
    for _ in range(3):
        assert torch.equal(run(weight, x), want)


def test_the_second_call_prepares_and_the_third_uses_it(weight):
    want = run(weight)
    assert len(CACHE) == 0
    assert torch.equal(run(weight), want) and len(CACHE) == 1
    assert torch.equal(run(weight), want) and len(CACHE) == 1


def test_a_form_is_made_only_for_a_call_that_gains_by_it(weight):
    for _ in range(4):
        run(weight, X[:2])  # few rows read the plain weight
    assert len(CACHE) == 0
    assert torch.equal(run(weight), run(weight, X.clone())) and len(CACHE) == 1


def test_a_call_that_is_wrong_has_its_error(weight):
    for _ in range(3):
        with pytest.raises(RuntimeError, match="strata::linear: "):
            run(weight.view(-1))
    assert len(CACHE) == 0


def test_prepared_calls_are_direct(weight, monkeypatch):
    expect_fresh(weight)
    monkeypatch.setattr(torch._C, "_AutoDispatchBelowAutograd", None)  # which the dispatcher's road enters
    run(weight)


def test_a_hit_runs_the_prepared_form(weight, monkeypatch):
    expect_fresh(weight)
    # A form of other numbers and the same fingerprint: if it is used, it shows.
    CACHE.find(weight)[:16] = 255
    assert run(weight).isnan().any()


def test_the_form_goes_away_with_its_tensor():
    weight = torch.randn(170, 140)
    expect_fresh(weight)
    assert len(CACHE) == 1
    del weight
    gc.collect()
    assert len(CACHE) == 0


def test_a_view_that_is_made_at_every_call_is_prepared_while_its_base_lives():
    both = torch.randn(340, 140)
    for _ in range(3):
        assert torch.equal(run(both[170:]), torch.ops.strata.linear(X, both[170:]))
    assert len(CACHE) == 1
    del both
    gc.collect()
    assert len(CACHE) == 0


def _sgd(weight):
    optimizer = torch.optim.SGD([weight], lr=0.1)
    ops.linear(X, weight).sum().backward()
    optimizer.step()


def _data_of_another_size(weight):
    weight.data = torch.randn(130, 140)


CHANGES = {
    "in place": lambda w: w.detach().mul_(2),
    "one element through data": lambda w: w.data[3].__setitem__(5, 7.0),
    "signs through data": lambda w: w.data.neg_(),
    "through numpy": lambda w: w.detach().numpy().__setitem__((169, 139), 3.0),
    "another data": lambda w: setattr(w, "data", torch.randn(170, 140)),
    "data of another size": _data_of_another_size,
    "an optimizer's step": _sgd,
    "transposed in place": lambda w: w.data.set_(w.data[:140].t()),
    "load_state_dict": lambda w: torch.nn.ParameterList([w]).load_state_dict({"0": torch.randn(170, 140)}),
    "another dtype and back": lambda w: setattr(w, "data", w.data.bfloat16().float()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_weight_is_never_answered_with_the_old_one(weight, change):
    expect_fresh(weight)
    CHANGES[change](weight)
    expect_fresh(weight)
    expect_fresh(weight)


def test_new_values_at_an_old_address(weight):
    first, second = torch.randn(170, 140), torch.randn(170, 140)
    weight.data = first
    expect_fresh(weight)
    address, version = weight.data_ptr(), weight._version
    weight.data = second
    first.copy_(torch.randn(170, 140))
    weight.data = first
    assert (weight.data_ptr(), weight._version) == (address, version)  # PyTorch sees no change
    expect_fresh(weight)


def test_views_of_one_address_do_not_mix():
    square = torch.randn(140, 140)
    for _ in range(3):
        for view in (square, square.t(), square[:120], square[:60]):
            assert torch.equal(run(view), torch.ops.strata.linear(X, view.contiguous()))


def test_training_prepares_nothing_and_learns_the_same():
    def train(enabled):
        torch.manual_seed(0)
        layer = nn.Linear(140, 128)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
        with ops.prepared_weights(enabled):
            for _ in range(4):
                layer(X).square().sum().backward()
                optimizer.step()
                optimizer.zero_grad()
                assert len(CACHE) == 0
        return layer.weight.detach()

    assert torch.equal(train(True), train(False))


def test_forward_with_gradients_uses_the_form_and_gives_the_same_gradients(weight):
    want = torch.autograd.grad(torch.ops.strata.linear(X, weight).square().sum(), weight)[0]
    for _ in range(3):
        assert torch.equal(torch.autograd.grad(ops.linear(X, weight).square().sum(), weight)[0], want)
    assert len(CACHE) == 1


def test_switched_off_nothing_is_prepared(weight):
    with ops.prepared_weights(False):
        expect_fresh(weight)
        with ops.prepared_weights(True):
            pass
        run(weight)
    assert len(CACHE) == 0
    expect_fresh(weight)
    assert len(CACHE) == 1


def test_compiled_fake_and_traced_calls_take_the_plain_operator(weight):
    with torch.no_grad():
        compiled = torch.compile(lambda x: ops.linear(x, weight), fullgraph=True, backend="eager")
        for _ in range(3):
            assert torch.equal(compiled(X), torch.ops.strata.linear(X, weight))
        exported = torch.export.export(nn.Linear(140, 128), (X,)).graph
        assert any(node.target is torch.ops.strata.linear.default for node in exported.nodes)
        with FlopCounterMode(display=False):
            for _ in range(3):
                run(weight)
    assert len(CACHE) == 0
    with torch.inference_mode():
        made_inside = torch.randn(170, 140)
        for _ in range(3):
            assert torch.equal(ops.linear(X, made_inside), torch.ops.strata.linear(X, made_inside))
    assert len(CACHE) == 0


def test_threads_share_a_weight_that_changes(weight):
    wrong = []

    def work():
        for _ in range(30):
            with torch.no_grad():
                got, want = ops.linear(X, weight), torch.ops.strata.linear(X, weight)
            if not torch.equal(got, want):
                wrong.append(got)

    others = [torch.nn.Parameter(torch.randn(170, 140)) for _ in range(3)]
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for other in others * 5:
        expect_fresh(other)
    for thread in threads:
        thread.join()
    assert not wrong
