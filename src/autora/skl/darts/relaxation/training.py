"""Epochs in chunks: between two of them a fit is watched, interrupted and kept.

For one restart, or for many whose states and histories have one more axis in front.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..graph.codegen import formulas
from ..runtime.checkpoint import Checkpoints, SavedState, part, prefixed, run_resumably
from . import bilevel
from .bilevel import History
from .history import Trained, no_history

#: Some epochs: a state and their number in, the state after them and their history out.
Epochs = Callable[[bilevel.State, np.int32], tuple[bilevel.State, History]]


def saved_state(
    checkpoints: Checkpoints | None,
    static: bilevel.Static,
    hyper: bilevel.Hyper,
    data: bilevel.Data,
    state: bilevel.State,
) -> SavedState | None:
    """Of a training, by all that decides what becomes of its first state."""
    if checkpoints is None:
        return None
    leaves = map(np.asarray, jax.tree.leaves((hyper, data, state)))
    settings = f"{static!r}\n{formulas(static.space.primitives)}"
    return checkpoints.saved_state(settings, leaves)


def trained(
    epochs: Epochs,
    state: bilevel.State,
    total: int,
    observe: Callable[[int, History], None],
    saved: SavedState | None = None,
    axis: int = 0,
) -> Trained:
    """All epochs, or those before an interruption; ``axis`` is theirs in a history.

    Goes on from what was ``saved``; ``observe`` is then shown those epochs at once.

    Raises
    ------
    KeyboardInterrupt
        Before the first epochs were done.
    """
    training = _Training(epochs, state, total, observe, axis)
    run_resumably(training, training.step, saved)
    return Trained(training.state, training.history(), training.interruption)


class _Training:
    """A training as far as it has come."""

    def __init__(
        self,
        epochs: Epochs,
        state: bilevel.State,
        total: int,
        observe: Callable[[int, History], None],
        axis: int,
    ) -> None:
        self.epochs, self.state, self.total = epochs, state, total
        self.observe, self.axis = observe, axis
        self.parts: list[History] = []
        self.interruption: KeyboardInterrupt | None = None

    @property
    def done(self) -> int:
        """Epochs that were trained."""
        return sum(history.train_loss.shape[self.axis] for history in self.parts)

    @property
    def ended(self) -> bool:
        return self.interruption is not None or self.done >= self.total

    def step(self) -> None:
        done = self.done
        count = min(bilevel.CHUNK, self.total - done)
        try:
            self.state, history = self.epochs(self.state, np.int32(count))
            index = (slice(None),) * self.axis + (slice(count),)  # the rest is padding
            self.parts.append(History(*(np.asarray(array)[index] for array in history)))
            self.observe(done, self.parts[-1])
        except KeyboardInterrupt as stop:
            if not self.parts:
                raise
            self.interruption = stop

    def history(self) -> History:
        """Of all epochs that were trained."""
        if not self.parts:
            return no_history(self.state.alphas, self.axis)
        fields = zip(*self.parts, strict=True)
        self.parts = [History(*(np.concatenate(field, self.axis) for field in fields))]
        return self.parts[0]

    def arrays(self) -> dict[str, np.ndarray]:
        leaves = jax.device_get(jax.tree.leaves(self.state))
        numbered = {str(i): np.asarray(leaf) for i, leaf in enumerate(leaves)}
        return prefixed("state", numbered) | prefixed("history", self.history()._asdict())

    def resume(self, arrays: dict[str, np.ndarray]) -> None:
        numbered = part(arrays, "state")
        old, structure = jax.tree.flatten(self.state)
        leaves: list[Any] = [numbered[str(i)] for i in range(len(numbered))]
        # Where the first state lies, on a device or several, so does this one.
        leaves = [
            jax.device_put(new, like.sharding) if isinstance(like, jax.Array) else new
            for new, like in zip(leaves, old, strict=True)
        ]
        self.state = jax.tree.unflatten(structure, leaves)
        self.parts = [History(**part(arrays, "history"))]
        self.observe(0, self.parts[0])
