"""Architecture weights and the history of a search as plain data, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph.architecture import Coefs, Weights
from ..graph.search_space import SearchSpace
from ..relaxation.bilevel import History, State
from ..relaxation.history import no_history
from ..selection.result import Network, SearchHistory
from .documents import DARTS_TYPES, Shape
from .fields import Field, listed

#: Numbers of a history beyond which it is not kept.
MOST_HISTORY = 200_000
_SINGLE = np.float32
#: Columns of a search's history that count something.
_COUNTS = ("refits", "round")


def _state_arrays(space: SearchSpace, relaxed: bool) -> dict[str, tuple[int, ...] | None]:
    """Names and shapes of the weights; None where the space has none such."""
    edges = (space.n_edges, space.n_primitives)
    nodes = (space.n_nodes, space.n_aggregations)
    if not relaxed:
        return {"alphas": edges, "node_alphas": nodes}
    chosen = nodes if space.n_aggregations > 1 else None
    return {
        "alphas": edges,
        "adam_mean": edges,
        "adam_square": edges,
        "adam_step": (),
        "edge": (*edges, space.max_params),
        "readout": (space.n_nodes, space.n_outputs),
        "bias": (space.n_outputs,),
        "node_alphas": chosen,
        "node_mean": chosen,
        "node_square": chosen,
    }


def network_written(network: Network, space: int) -> dict[str, Any]:
    state = network.state
    relaxed = isinstance(state, State)
    known = state._asdict() | (state.coefs._asdict() if relaxed else {})
    names = _state_arrays(network.space, relaxed)
    found = {
        "space": space,
        "darts_type": network.darts_type,
        "relaxed": relaxed,
        "weights": {n: None if known[n] is None else listed(known[n]) for n in names},
    }
    if relaxed:
        found |= {"epoch": int(state.epoch), "key": [int(k) for k in state.key]}
    return found


def network_read(field: Field, spaces: Sequence[SearchSpace], shape: Shape) -> Network:
    part = field.mapping(10)
    relaxed = "relaxed" in part and part["relaxed"].flag()
    extra = ("epoch", "key") if relaxed else ()
    number, kind, _, weights, *clock = field.record(
        "space", "darts_type", "relaxed", "weights", *extra
    )
    space = spaces[number.whole(0, len(spaces) - 1)]
    shapes = _state_arrays(space, relaxed)
    found: dict[str, Any] = {}
    for (name, size), item in zip(shapes.items(), weights.record(*shapes), strict=True):
        if size is None:
            found[name] = item.optional(lambda f: f.fail("must be null"))
        else:
            # Weights are finite; what a diverging mixture left of its coefficients may not.
            finite = name in ("alphas", "node_alphas")
            found[name] = item.array(size, finite, _SINGLE if relaxed else np.float64)
    state: Any
    if relaxed:
        coefs = Coefs(*(found.pop(name) for name in Coefs._fields))
        epoch = np.int32(clock[0].whole(0, 2**31 - 1))
        key = [k.whole(0, 2**32 - 1) for k in clock[1].each(2, 2)]
        state = State(coefs=coefs, epoch=epoch, key=np.array(key, np.uint32), **found)
    else:
        state = Weights(**found)
    return Network(space, shape.objective, kind.one_of(DARTS_TYPES), state)


def history_written(history: History | SearchHistory) -> dict[str, Any] | None:
    """None where the history is empty or has too many numbers."""
    if not len(history[0]) or max(np.size(part) for part in history) > MOST_HISTORY:
        return None
    return {name: listed(array) for name, array in history._asdict().items()}


def history_read(field: Field, network: Network) -> History | SearchHistory:
    relaxed = isinstance(network.state, State)
    if not relaxed:
        return _search_history_read(field)
    if field.value is None:
        return no_history(network.alphas)
    losses, valid, alphas = field.record(*History._fields)
    epochs = len(losses.each(MOST_HISTORY, 1))
    if np.prod([epochs, *network.alphas.shape], dtype=float) > MOST_HISTORY:
        alphas.fail(f"has more than {MOST_HISTORY} numbers")
    return History(
        losses.array((epochs,), False, _SINGLE),
        valid.array((epochs,), False, _SINGLE),
        alphas.array((epochs, *network.alphas.shape), False, _SINGLE),
    )


def _search_history_read(field: Field) -> SearchHistory:
    names = SearchHistory._fields
    if field.value is None:
        empty = {name: np.zeros(0, int if name in _COUNTS else float) for name in names}
        return SearchHistory(**empty)
    columns = field.record(*names)
    length = len(columns[0].each(MOST_HISTORY, 1))
    found = {}
    for name, column in zip(names, columns, strict=True):
        if name in _COUNTS:
            counts = [f.whole(0, 10**15) for f in column.each(length, length)]
            found[name] = np.array(counts)
        else:
            found[name] = column.array((length,), finite=False)
    return SearchHistory(**found)
