"""What is seen of the training of a mixture, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..selection.candidates import Candidate
from . import bilevel
from .bilevel import History


class Observer(NamedTuple):
    """Callbacks of a fit; the defaults watch nothing."""

    epochs: Callable[[int, History], None] = lambda first, history: None
    candidate: Callable[[Candidate], None] = lambda best: None


class Trained(NamedTuple):
    """A mixture after its epochs."""

    state: bilevel.State
    history: History
    interruption: KeyboardInterrupt | None = None  #: what ended them early


def no_history(alphas: np.ndarray, axis: int = 0) -> History:
    """The history of a fit without epochs; ``axis`` is theirs."""
    losses = np.zeros((*alphas.shape[:axis], 0), np.float32)
    weights = np.zeros((*losses.shape, *alphas.shape[axis:]), np.float32)
    return History(losses, losses, weights)
