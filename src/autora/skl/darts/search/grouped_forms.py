"""Other graphs that groups may need: with coefficients tied, or with a part less."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..fitting.derivatives import of_edges
from ..fitting.grouped import all_places, with_effects
from ..fitting.problem import Problem
from ..graph.effects import GroupEffects, Place
from ..graph.model import Edge, Model, in_degrees


def rewritten(model: Model, problem: Problem) -> Iterator[Model]:
    """The model in forms in which two coefficients that vary together may be one.

    a/(x + b) is c/(x/b + 1), and a·f + b is a·(f + c): where groups differ in a and b and
    one follows from the other, they differ in one coefficient of these.
    """
    names = model.space.names
    if model.effects is None:
        return
    if "mult" in names:
        for edge in model.edges():
            if edge.primitive.params[:1] == ("shift",) and not edge.primitive.straight:
                yield from _with_slope(model, edge, problem)
    if "shift" in names and problem.train_bias:
        for k in np.flatnonzero(model.readout[:, 0]).tolist():
            yield from _with_shift(model, k, problem)


def _with_slope(model: Model, edge: Edge, problem: Problem) -> Iterator[Model]:
    """The source of an edge times a coefficient of its own."""
    space, shift = model.space, edge.coefs[0] or 1.0
    at, mult = edge.target, space.primitives[space.names.index("mult")]
    edges = []
    for other in model.edges():
        moved = _after(other, at, space.n_inputs)
        if other.index == edge.index:
            node = space.n_inputs + at
            edges.append(Edge(other.source, at, mult, (1 / shift,)))
            moved = Edge(node, at + 1, edge.primitive, (1.0, *edge.coefs[1:]))
        edges.append(moved)
    found = _assembled(model, edges, at, None)
    if found is not None:
        fixed = [p for p in of_edges(found) if _is_first(found, p, at + 1, edge)]
        where = [p for p in all_places(found, problem) if p not in fixed]
        yield with_effects(found, where, problem.groups, fixed=fixed)


def _with_shift(model: Model, k: int, problem: Problem) -> Iterator[Model]:
    """What is read out plus a coefficient of its own."""
    space = model.space
    shift = space.primitives[space.names.index("shift")]
    edges = [_after(edge, k + 1, space.n_inputs) for edge in model.edges()]
    weight = float(model.readout[k, 0])
    start = float(model.bias[0]) / weight if weight else 0.0
    edges.append(Edge(space.n_inputs + k, k + 1, shift, (start,)))
    found = _assembled(model, edges, k + 1, k)
    if found is not None:
        kept = [p for p in of_edges(found) if p.row != _edge_into(found, k + 1)]
        where = [*kept, *(p for p in all_places(found, problem) if p.kind == "readout")]
        yield with_effects(found, where, problem.groups)


def _after(edge: Edge, at: int, n_inputs: int) -> Edge:
    """An edge where a node is put in at ``at``."""
    source = edge.source + (edge.source >= n_inputs + at)
    return replace(edge, source=source, target=edge.target + (edge.target >= at))


def _edge_into(model: Model, node: int) -> int:
    return next(edge.index for edge in model.edges() if edge.target == node)


def _is_first(model: Model, place: Place, node: int, edge: Edge) -> bool:
    """Whether it is the first coefficient of a primitive of an edge, now into a node."""
    return place.column == 0 and any(
        e.index == place.row and e.target == node and e.primitive == edge.primitive
        and e.source == model.space.n_inputs + node - 1
        for e in model.edges()
    )  # fmt: skip


def _assembled(
    model: Model, edges: Sequence[Edge], at: int, read: int | None
) -> Model | None:
    """A model with a further node, which the read-out sees in the place of ``read``."""
    space, last = model.space, model.space.n_nodes - 1
    order = [*range(at), last, *range(at, last)]
    readout, aggregation = model.readout[order].copy(), model.aggregation[order].copy()
    readout[at] = 0.0
    if read is not None:
        readout[at], readout[read] = readout[read], 0.0
    try:
        return Model.from_edges(
            space, model.objective, edges, readout, model.bias * (read is None), aggregation
        )
    except ValueError:  # too few parallel edges
        return None


def shorter(model: Model) -> Iterator[Model]:
    """The model without one of the nodes that are read out, or one of several edges.

    What differs between groups stays so where it is still there.
    """
    read = np.flatnonzero(model.readout[:, 0]).tolist()
    for k in read if len(read) > 1 else ():
        readout = model.readout.copy()
        readout[k] = 0.0
        yield _without_dead(model.replace(readout=readout), {Place("readout", k, 0)})
    degree = in_degrees(model)
    for edge in model.live_edges():
        if degree[edge.target] > 1:
            yield _without_dead(model.with_primitive(edge.index, -1), set())


def _without_dead(model: Model, gone: set[Place]) -> Model:
    """Without edges that no longer reach the output, and what differed in them."""
    effects = model.effects
    if effects is not None:
        model = model.replace(effects=_kept(effects, lambda p: p not in gone))
    live = {edge.index for edge in model.live_edges()}
    for edge in list(model.edges()):
        if edge.index not in live:
            model = model.with_primitive(edge.index, -1)
    effects = model.effects
    if effects is None:
        return model
    return model.replace(
        effects=_kept(effects, lambda p: p.kind != "edge" or p.row in live)
    )


def _kept(effects: GroupEffects, wanted: Callable[[Place], bool]) -> GroupEffects | None:
    """What differs in the places that are wanted; None where nothing does."""
    on = [i for i, place in enumerate(effects.places) if wanted(place)]
    if not on:
        return None
    return effects._replace(
        places=tuple(effects.places[i] for i in on),
        values=effects.values[:, on],
        spread=effects.spread[on],
        log=tuple(effects.log[i] for i in on),
        fixed=tuple(place for place in effects.fixed if wanted(place)),
    )
