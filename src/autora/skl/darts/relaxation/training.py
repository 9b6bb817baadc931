"""Epochs in chunks: between two of them a fit is watched, interrupted and kept.

For one restart, or for many whose states and histories have one more axis in front.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from ..graph.codegen import formulas
from ..runtime.checkpoint import Checkpoints, Place, part, prefixed
from . import bilevel
from .bilevel import History
from .history import joined

#: Some epochs: a state and their number in, the state after them and their history out.
Step = Callable[[bilevel.State, np.int32], tuple[bilevel.State, History]]


class Course(NamedTuple):
    """A training as far as it came."""

    state: bilevel.State
    history: History | None  #: None without an epoch
    interruption: KeyboardInterrupt | None


def place_of(
    checkpoints: Checkpoints | None,
    static: bilevel.Static,
    hyper: bilevel.Hyper,
    data: bilevel.Data,
    state: bilevel.State,
) -> Place | None:
    """Where a training is kept: by all that decides what becomes of the state."""
    if checkpoints is None:
        return None
    leaves = map(np.asarray, jax.tree.leaves((hyper, data, state)))
    return checkpoints.place(f"{static!r}\n{formulas(static.space.primitives)}", leaves)


def trained(
    step: Step,
    state: bilevel.State,
    total: int,
    observe: Callable[[int, History], None],
    place: Place | None = None,
    axis: int = 0,
) -> Course:
    """All epochs, or those before an interruption; ``axis`` is theirs in a history.

    Goes on from what ``place`` has kept; ``observe`` is then shown those epochs at once.

    Raises
    ------
    KeyboardInterrupt
        Before the first epochs were done.
    """
    parts: list[History] = []
    done, interruption = 0, None
    kept = None if place is None else place.load()
    if kept is not None:
        state, history = _restored(kept, state)
        parts, done = [history], history.train_loss.shape[axis]
        observe(0, history)
    while done < total and interruption is None:
        count = min(bilevel.CHUNK, total - done)
        try:
            state, history = step(state, np.int32(count))
            parts.append(_beginning(history, count, axis))
            observe(done, parts[-1])
        except KeyboardInterrupt as stop:
            if not parts:
                raise
            interruption = stop
        done += count
        if place is not None and (interruption or done == total or place.is_due()):
            parts = [joined(parts, axis)]
            place.save(_arrays(state, parts[0]))
    return Course(state, joined(parts, axis) if parts else None, interruption)


def _beginning(history: History, count: int, axis: int) -> History:
    """The epochs of a history that were done; the rest is padding."""
    index = (slice(None),) * axis + (slice(count),)
    return History(*(np.asarray(array)[index] for array in history))


def _arrays(state: bilevel.State, history: History) -> dict[str, np.ndarray]:
    leaves = jax.device_get(jax.tree.leaves(state))
    numbered = {str(i): np.asarray(leaf) for i, leaf in enumerate(leaves)}
    return prefixed("state", numbered) | prefixed("history", history._asdict())


def _restored(
    arrays: dict[str, np.ndarray], like: bilevel.State
) -> tuple[bilevel.State, History]:
    """What `_arrays` made; the state has the structure of another one."""
    numbered = part(arrays, "state")
    leaves: list[Any] = [numbered[str(i)] for i in range(len(numbered))]
    # Where the other lies, on a device or several, so does this one.
    leaves = [
        jax.device_put(new, old.sharding) if isinstance(old, jax.Array) else new
        for new, old in zip(leaves, jax.tree.leaves(like), strict=True)
    ]
    state = jax.tree.unflatten(jax.tree.structure(like), leaves)
    return state, History(**part(arrays, "history"))
