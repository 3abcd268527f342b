"""Optimisers against torch.optim's: step by step, through state dicts both ways, schedulers and parameter groups."""

import copy

import pytest
import torch
from torch.optim import lr_scheduler

from strata import optim

ADAMW = [
    {},
    {"weight_decay": 0.0, "betas": (0.8, 0.95), "eps": 1e-6},
    {"amsgrad": True, "lr": 0.01},
    {"maximize": True, "lr": 0.05, "weight_decay": 0.3},
]
SGD = [
    {},
    {"lr": 0.1, "weight_decay": 0.1},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    {"lr": 0.1, "momentum": 0.8, "dampening": 0.5, "maximize": True},
]
CASES = [("AdamW", options) for options in ADAMW] + [("SGD", options) for options in SGD]
TOLERANCE = {torch.float64: 1e-14, torch.float32: 1e-6}
SHAPES = [(3, 4), (17,), (), (0, 3), (2, 5, 7), (200, 150)]


def parameters(dtype, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(s, generator=generator, dtype=torch.float64).to(dtype)) for s in SHAPES]


def set_gradients(lists, step):
    """The same gradients for every list of parameters; one of them has none in one step."""
    generator = torch.Generator().manual_seed(100 + step)
    for at, tensors in enumerate(zip(*lists)):
        grad = torch.randn(tensors[0].shape, generator=generator, dtype=torch.float64)
        for p in tensors:
            p.grad = None if (at, step) == (1, 2) else grad.to(p.dtype, copy=True)


def assert_close(ours, theirs, dtype):
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p.detach().double(), q.detach().double(), rtol=TOLERANCE[dtype],
                                   atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda d: str(d).removeprefix("torch."))
@pytest.mark.parametrize("name,options", CASES)
def test_steps_are_torchs(name, options, dtype):
    ours, theirs = parameters(dtype), parameters(dtype)
    mine, other = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, foreach=False, **options)
    for step in range(8):
        set_gradients((ours, theirs), step)
        mine.step()
        other.step()
        assert_close(ours, theirs, dtype)


@pytest.mark.parametrize("name,options", CASES)
def test_bfloat16_steps_are_as_near_to_exact_ones_as_torchs(name, options):
    """Rounded once a step, where torch rounds after every line: the two drift apart; float64 says which is near."""
    ours, theirs, exact = parameters(torch.bfloat16), parameters(torch.bfloat16), parameters(torch.bfloat16)
    exact = [torch.nn.Parameter(p.detach().double()) for p in exact]
    mine, other = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, foreach=False, **options)
    true = getattr(torch.optim, name)(exact, foreach=False, **options)
    for step in range(6):
        set_gradients((ours, theirs, exact), step)
        for p, q in zip(ours, exact):
            q.grad = None if p.grad is None else p.grad.double()
        for optimizer in (mine, other, true):
            optimizer.step()
    errors = [
        sum(float((p.detach().double() - q.detach()).abs().sum()) for p, q in zip(ps, exact)) for ps in (ours, theirs)
    ]
    assert errors[0] <= 1.05 * errors[1]


@pytest.mark.parametrize("name,options", CASES)
def test_state_dicts_load_both_ways(name, options):
    dtype = torch.float64
    ours, theirs = parameters(dtype), parameters(dtype)
    mine, other = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, foreach=False, **options)
    for step in range(3):
        set_gradients((ours, theirs), step)
        mine.step()
        other.step()
    # Each goes on from the other's state.
    swapped_mine = getattr(optim, name)(ours, **options)
    swapped_other = getattr(torch.optim, name)(theirs, foreach=False, **options)
    swapped_mine.load_state_dict(copy.deepcopy(other.state_dict()))
    swapped_other.load_state_dict(copy.deepcopy(mine.state_dict()))
    for step in range(3, 6):
        set_gradients((ours, theirs), step)
        swapped_mine.step()
        swapped_other.step()
        assert_close(ours, theirs, dtype)


def test_a_saved_run_goes_on_in_the_same_bits():
    straight, broken = parameters(torch.bfloat16), parameters(torch.bfloat16)
    whole = optim.AdamW(straight, lr=0.1, state_dtype=torch.float32)
    first = optim.AdamW(broken, lr=0.1, state_dtype=torch.float32)
    for step in range(3):
        set_gradients((straight, broken), step)
        whole.step()
        first.step()
    second = optim.AdamW(broken, lr=0.5, state_dtype=torch.float32)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert all(s["exp_avg"].dtype == torch.float32 for s in second.state.values())
    for step in range(3, 6):
        set_gradients((straight, broken), step)
        whole.step()
        second.step()
    assert all(torch.equal(p, q) for p, q in zip(straight, broken))


def test_float32_state_of_bfloat16_parameters_is_float32s():
    """The moments are those of float32 parameters that get the same gradients."""
    narrow, wide = parameters(torch.bfloat16), parameters(torch.float32)
    mine, other = optim.AdamW(narrow, state_dtype=torch.float32), optim.AdamW(wide)
    for step in range(4):
        set_gradients((narrow,), step)
        for p, q in zip(narrow, wide):
            q.grad = None if p.grad is None else p.grad.float()
        mine.step()
        other.step()
    for p, q in zip(narrow, wide):
        assert torch.equal(mine.state[p]["exp_avg_sq"], other.state[q]["exp_avg_sq"])


def test_schedulers_and_groups_set_the_learning_rate():
    ours, theirs = parameters(torch.float64), parameters(torch.float64)
    group = lambda ps: [{"params": ps[:2]}, {"params": ps[2:], "lr": 0.1, "weight_decay": 0.0}]  # noqa: E731
    mine, other = optim.AdamW(group(ours), lr=0.02), torch.optim.AdamW(group(theirs), lr=0.02)
    schedules = [lr_scheduler.OneCycleLR(o, [0.02, 0.1], total_steps=8) for o in (mine, other)]
    for step in range(6):
        set_gradients((ours, theirs), step)
        for optimizer, schedule in zip((mine, other), schedules):
            optimizer.step()
            schedule.step()
        assert_close(ours, theirs, torch.float64)
    assert mine.param_groups[0]["lr"] == other.param_groups[0]["lr"] != 0.02


@pytest.mark.parametrize("name", ["AdamW", "SGD"])
def test_one_and_two_threads_give_the_same_bits(name):
    results, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            ps = parameters(torch.float32)
            optimizer = getattr(optim, name)(ps, lr=0.1)
            for step in range(3):
                set_gradients((ps,), step)
                optim.clip_grad_norm_(ps, 2.0)
                optimizer.step()
            results.append(ps)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(p, q) for p, q in zip(*results))


def test_a_parameter_need_not_be_contiguous():
    ours = [torch.nn.Parameter(torch.randn(5, 7, dtype=torch.float64).t())]
    theirs = [torch.nn.Parameter(ours[0].detach().clone())]
    mine, other = optim.AdamW(ours), torch.optim.AdamW(theirs)
    for _ in range(3):
        ours[0].grad = torch.randn(7, 5, dtype=torch.float64)
        theirs[0].grad = ours[0].grad.clone()
        mine.step()
        other.step()
    assert_close(ours, theirs, torch.float64)


def test_autograd_sees_that_a_parameter_changed():
    p = torch.nn.Parameter(torch.ones(3))
    loss = (p * p).sum()
    p.grad = torch.ones(3)
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("dtype", [*TOLERANCE, torch.bfloat16], ids=lambda d: str(d).removeprefix("torch."))
@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clipping_is_torchs(dtype, limit):
    ours, theirs = parameters(dtype), parameters(dtype)
    set_gradients((ours, theirs), 0)
    got, want = optim.clip_grad_norm_(ours, limit), torch.nn.utils.clip_grad_norm_(theirs, limit)
    tolerance = TOLERANCE.get(dtype, 1e-2)
    torch.testing.assert_close(got, want, rtol=tolerance, atol=0)
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=tolerance, atol=0)


def test_clipping_mixed_types_and_refusing_what_is_not_finite():
    mixed = [*parameters(torch.float32), *parameters(torch.bfloat16)]
    set_gradients((mixed,), 0)
    squares = sum(float(p.grad.double().square().sum()) for p in mixed)
    assert abs(float(optim.clip_grad_norm_(mixed, 1.0)) / squares**0.5 - 1) < 2e-3  # bfloat16's own norm is a bfloat16
    assert abs(sum(float(p.grad.double().square().sum()) for p in mixed) - 1) < 1e-2
    mixed[0].grad[0] = float("inf")
    with pytest.raises(RuntimeError, match="norm of the gradients is inf"):
        optim.clip_grad_norm_(mixed, 1.0, error_if_nonfinite=True)


def test_wrong_options_are_named():
    p = parameters(torch.float32)
    with pytest.raises(ValueError, match=r"betas\[1\] is 1.0, wanted at least 0.0 and below 1.0"):
        optim.AdamW(p, betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="nesterov wants a momentum"):
        optim.SGD(p, nesterov=True)
