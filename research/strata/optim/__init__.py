"""Optimisers whose step is one call for all parameters, the same bits on any number of threads and every processor.

    optimizer = strata.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    strata.optim.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()

They are torch.optim.Optimizer: parameter groups, learning-rate schedulers and hooks work, and their state dicts load
into torch.optim's classes of the same name and back.
"""

from ._adamw import AdamW
from ._clip import clip_grad_norm_
from ._sgd import SGD

__all__ = ["SGD", "AdamW", "clip_grad_norm_"]
