"""fit: minibatches, AdamW with a cosine schedule, a progress bar."""

import contextlib
import dataclasses
import time

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .. import optim


@dataclasses.dataclass
class History:
    """losses: the mean training loss of every epoch; seconds: how long all of it took."""

    losses: list
    seconds: float


@contextlib.contextmanager
def _bar(label, total, show):
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("loss {task.fields[loss]:.4f}"))
    with Progress(*columns, disable=not show, transient=False) as progress:
        task = progress.add_task(label, total=total, loss=float("nan"))
        yield lambda loss: progress.update(task, advance=1, loss=loss)


def fit(model, inputs, targets, loss_fn, *, epochs=30, batch_size=64, learning_rate=1e-3, weight_decay=1e-2, seed=0,
        label="training", show=True):
    """Trains `model` in place on inputs [M, ...] and targets [M].

    Args:
        loss_fn: (logits, targets) -> scalar.
        seed: of the order of the examples; nothing else is random.
        show: the progress bar.

    Returns: a History.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    steps = epochs * -(-len(inputs) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    losses, start = [], time.perf_counter()
    model.train()
    with _bar(label, epochs, show) as advance:
        for _ in range(epochs):
            total = 0.0
            for batch in torch.randperm(len(inputs), generator=generator).split(batch_size):
                loss = loss_fn(model(inputs[batch]), targets[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                total += loss.item() * len(batch)
            losses.append(total / len(inputs))
            advance(losses[-1])
    model.eval()
    return History(losses, time.perf_counter() - start)


@torch.no_grad()
def accuracy(model, inputs, targets):
    """The share of inputs whose largest logit is the target's."""
    return (model(inputs).argmax(-1) == targets).double().mean().item()
