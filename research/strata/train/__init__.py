"""A training loop that gives the same bits for the same seed, with a progress bar.

    history = strata.train.fit(model, inputs, targets, strata.nn.CrossEntropyLoss(), epochs=40)
    print(strata.train.plot({"strata": history.losses}))
"""

from ._fit import History, accuracy, fit
from ._plot import plot

__all__ = ["History", "accuracy", "fit", "plot"]
