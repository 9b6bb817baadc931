"""The relaxed stage of many restarts as one program, for accelerators.

An accelerator that trains one small graph is idle but for a corner of it. How many restarts
its memory holds at a time matters no more than the order in which a compiler adds up single
precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from ..runtime.checkpoint import Checkpoints
from . import bilevel, devices
from .bilevel import History
from .history import Observer, Trained
from .preparation import Plan, Start
from .training import saved_state, trained

#: Restarts that one program trains at most.
_MOST = 4096
#: Coefficient steps of an accelerator between two questions to the host.
_BLOCK = 50
#: Numbers per row, edge and primitive that a program holds at once. JAX's
#: ``memory_analysis`` says 3 to 10, for one to three nodes and inputs.
_HELD = 10


def worthwhile() -> bool:
    """Whether the devices at hand train many restarts sooner than one after another."""
    return jax.default_backend() != "cpu"


@partial(jax.jit, static_argnums=(0, 1))
def run_epochs(
    static: bilevel.Static,
    shared: bool,
    hyper: bilevel.Hyper,
    data: bilevel.Data,
    states: bilevel.State,
    n_epochs: Any,
) -> tuple[bilevel.State, History]:
    """`bilevel.run_epochs` of several restarts, whose arrays have one more axis in front.

    So have the data, but their scale and spans and, where they are ``shared``, x and y.
    """
    one = None if shared else 0
    axes = bilevel.Data(x=one, y=one, train=0, valid=0, scale=None, spans=None)

    def restart(data: bilevel.Data, state: bilevel.State) -> tuple:
        return bilevel.run_epochs(static, hyper, data, state, n_epochs)

    return jax.vmap(restart, in_axes=(axes, 0))(data, states)


def train(
    prepare: Callable[[np.random.Generator], Start],
    rngs: Sequence[np.random.Generator],
    plan: Plan,
    observer: Observer,
    checkpoints: Checkpoints | None = None,
) -> tuple[list[Trained], KeyboardInterrupt | None]:
    """Train a restart per generator; an interruption leaves out those not begun.

    Restarts that do not fit into memory together are trained half as many at a time.

    Raises
    ------
    MemoryError
        When a single one does not fit.
    KeyboardInterrupt
        Before anything was trained.
    """
    devices.check_fork()
    left, waiting, done = list(rngs), [prepare(rngs[0])], []
    size = _chunk(waiting[0], len(left))
    left.pop(0)
    while waiting or left:
        while left and len(waiting) < size:
            waiting.append(prepare(left.pop(0)))
        batch = waiting[0].static.batch_size or len(waiting[0].data.x)
        try:
            with devices.memory_for(batch):
                done += _side_by_side(plan, waiting[:size], size, observer, checkpoints)
        except MemoryError:
            if size == 1:
                raise
            size //= 2
            continue
        except KeyboardInterrupt as interruption:
            if not done:
                raise
            return done, interruption
        waiting = waiting[size:]
        if done[-1].interruption is not None:
            break
        observer = observer._replace(epochs=Observer().epochs)  # one bar, not one a chunk
    return done, done[-1].interruption


def _chunk(start: Start, count: int) -> int:
    """Restarts at a time: a power of two, so that few programs are compiled."""
    space, rows, batch = start.static.space, len(start.data.x), start.static.batch_size
    at_once = rows if batch is None else max(batch, min(rows, bilevel.SAMPLE))
    numbers = space.n_edges * space.n_primitives * (_HELD * at_once + bilevel.CHUNK)
    if not start.shared:
        numbers += start.data.x.size + start.data.y.size
    bytes_ = 4 * (numbers + 2 * rows)
    most = int(np.clip(devices.room() // bytes_, 1, _MOST))
    return 1 << min(most.bit_length() - 1, (count - 1).bit_length())


def _stacked(starts: Sequence[Start], size: int) -> tuple[bilevel.Data, bilevel.State]:
    """Data and states with an axis of restarts; the last fills what is missing."""
    starts = [*starts, *[starts[-1]] * (size - len(starts))]
    first = starts[0]
    state = jax.tree.map(lambda *a: np.stack(a), *(s.state for s in starts))
    data = jax.tree.map(lambda *a: np.stack(a), *(s.data for s in starts))
    data = data._replace(scale=first.data.scale, spans=first.data.spans)
    spread = {name: getattr(data, name) for name in ("train", "valid")}
    if first.shared:
        data = data._replace(x=first.data.x, y=first.data.y)
    else:
        spread |= {"x": data.x, "y": data.y}
    return data._replace(**devices.spread_restarts(spread)), devices.spread_restarts(state)


def _side_by_side(
    plan: Plan,
    starts: Sequence[Start],
    size: int,
    observer: Observer,
    checkpoints: Checkpoints | None,
) -> list[Trained]:
    """Some restarts, trained in one program of ``size``, watched through the first."""
    static, shared = starts[0].static._replace(block=_BLOCK), starts[0].shared
    data, states = _stacked(starts, size)

    def epochs(states: bilevel.State, count: np.int32) -> tuple[bilevel.State, History]:
        return run_epochs(static, shared, plan.hyper, data, states, count)

    def observe(done: int, history: History) -> None:
        observer.epochs(done, jax.tree.map(lambda a: a[0], history))

    saved = saved_state(checkpoints, static, plan.hyper, data, states)
    total = int(plan.hyper.max_epochs)
    states, history, stop = trained(epochs, states, total, observe, saved, axis=1)
    both = jax.device_get(states), history

    def one(i: int) -> Trained:
        state, own = jax.tree.map(lambda a: a[i], both)
        return Trained(state, own, stop)

    return [one(i) for i in range(len(starts))]
