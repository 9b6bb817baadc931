"""Architecture weights and the history of a search as plain data, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..fitting.refit import Fit
from ..graph.architecture import Coefs
from ..graph.model import Model
from ..graph.search_space import SearchSpace
from ..relaxation.bilevel import History, State
from ..selection.candidates import Candidate
from ..selection.pareto import Row
from ..selection.result import EquationDistribution, Network, SearchHistory
from .documents import DARTS_TYPES, Shape
from .fields import Field, listed

#: Numbers of a history beyond which it is not kept.
MOST_HISTORY = 200_000
_SINGLE = np.float32
_MOST_GRAPHS = 10_000


def _state_arrays(space: SearchSpace) -> dict[str, tuple[int, ...] | None]:
    """Names and shapes of a mixture's weights; None where the space has none such."""
    edges = (space.n_edges, space.n_primitives)
    nodes = (space.n_nodes, space.n_aggregations)
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


def network_written(network: Network | EquationDistribution, space: int) -> dict[str, Any]:
    if isinstance(network, EquationDistribution):
        return {"space": space, "relaxed": False, "graphs": _graphs_written(network)}
    state = network.state
    known = state._asdict() | state.coefs._asdict()
    names = _state_arrays(network.space)
    return {
        "space": space,
        "darts_type": network.darts_type,
        "relaxed": True,
        "weights": {n: None if known[n] is None else listed(known[n]) for n in names},
        "epoch": int(state.epoch),
        "key": [int(k) for k in state.key],
    }


def _graphs_written(network: EquationDistribution) -> list[dict[str, Any]]:
    rows = zip(*network[2:], strict=True)
    return [
        {
            "architecture": architecture.tolist(),
            "aggregation": aggregation.tolist(),
            "probability": float(share),
        }
        for architecture, aggregation, share in rows
    ]


def network_read(
    field: Field,
    spaces: Sequence[SearchSpace],
    shape: Shape,
    model: Model,
    rows: Sequence[Row],
) -> Network | EquationDistribution:
    """Versions up to 3 have no distribution of a search: it follows from the rows."""
    part = field.mapping(10)
    relaxed = "relaxed" in part and part["relaxed"].flag()
    if "space" not in part:
        field.fail("lacks 'space'")
    space = spaces[part["space"].whole(0, len(spaces) - 1)]
    if relaxed:
        return _mixture_read(field, space, shape)
    if "graphs" in part:
        _, _, graphs = field.record("space", "relaxed", "graphs")
        return _graphs_read(graphs, space, shape)
    field.record("space", "darts_type", "relaxed", "weights")
    candidates = [
        Candidate(Fit(row.model, row.loss, 0), row.criterion)
        for row in rows
        if row.model.space == space
    ]
    if model.space != space:
        field.fail("is of another space than the model")
    return EquationDistribution.of(space, shape.objective, model, candidates)


def _graphs_read(field: Field, space: SearchSpace, shape: Shape) -> EquationDistribution:
    architectures, aggregations, shares = [], [], []
    for graph in field.each(_MOST_GRAPHS, 1):
        edges, nodes, share = graph.record("architecture", "aggregation", "probability")
        architectures.append(_choices(edges, space.n_edges, -1, space.n_primitives))
        aggregations.append(_choices(nodes, space.n_nodes, 0, space.n_aggregations))
        shares.append(share.number())
        if not 0 <= shares[-1] <= 1:
            share.fail("must lie between 0 and 1")
    return EquationDistribution(
        space, shape.objective, np.array(architectures), np.array(aggregations),
        np.array(shares),
    )  # fmt: skip


def _choices(field: Field, count: int, low: int, size: int) -> list[int]:
    return [choice.whole(low, size - 1) for choice in field.each(count, count)]


def _mixture_read(field: Field, space: SearchSpace, shape: Shape) -> Network:
    _, kind, _, weights, *clock = field.record(
        "space", "darts_type", "relaxed", "weights", "epoch", "key"
    )
    shapes = _state_arrays(space)
    found: dict[str, Any] = {}
    for (name, size), item in zip(shapes.items(), weights.record(*shapes), strict=True):
        if size is None:
            found[name] = item.optional(lambda f: f.fail("must be null"))
        else:
            # Weights are finite; what a diverging mixture left of its coefficients may not.
            finite = name in ("alphas", "node_alphas")
            found[name] = item.array(size, finite, _SINGLE)
    coefs = Coefs(*(found.pop(name) for name in Coefs._fields))
    epoch = np.int32(clock[0].whole(0, 2**31 - 1))
    key = [k.whole(0, 2**32 - 1) for k in clock[1].each(2, 2)]
    state = State(coefs=coefs, epoch=epoch, key=np.array(key, np.uint32), **found)
    return Network(space, shape.objective, kind.one_of(DARTS_TYPES), state)


def history_written(history: History | SearchHistory) -> dict[str, Any] | None:
    """None where the history is empty or has too many numbers."""
    if not len(history[0]) or max(np.size(part) for part in history) > MOST_HISTORY:
        return None
    return {name: listed(array) for name, array in history._asdict().items()}


def _history_columns(network: Network | EquationDistribution) -> tuple[Any, dict]:
    """The kind of a network's history, and shape and type of a row of every column."""
    if isinstance(network, EquationDistribution):
        kinds = {"refits": int, "error": float, "criterion": float}
        return SearchHistory, {name: ((), kind) for name, kind in kinds.items()}
    shapes = {"train_loss": (), "valid_loss": (), "alphas": network.alphas.shape}
    return History, {name: (shape, _SINGLE) for name, shape in shapes.items()}


def history_read(
    field: Field, network: Network | EquationDistribution
) -> History | SearchHistory:
    kind, columns = _history_columns(network)
    if field.value is None:
        return kind(**{n: np.zeros((0, *row), t) for n, (row, t) in columns.items()})
    parts = field.record(*columns)
    length = len(parts[0].each(MOST_HISTORY, 1))
    found = {}
    for part, (name, (row, dtype)) in zip(parts, columns.items(), strict=True):
        shape = (length, *row)
        if np.prod(shape, dtype=float) > MOST_HISTORY:
            part.fail(f"has more than {MOST_HISTORY} numbers")
        if dtype is int:
            counts = [f.whole(0, 10**15) for f in part.each(length, length)]
            found[name] = np.array(counts)
        else:
            found[name] = part.array(shape, False, dtype)
    return kind(**found)
