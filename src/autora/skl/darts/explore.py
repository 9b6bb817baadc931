"""From data and a vocabulary to candidate models in a search space of open size.

The bridge between `evolve`, which knows arrays, and the rest, which knows models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from . import engine
from .arena import Arena, Graphs, table
from .evolve import Archive, Options, evolve
from .model import Model
from .objectives import Objective
from .primitives import Primitive
from .random_edits import starts
from .refit import Fit, Problem
from .search import Budget, Candidate
from .search_space import SearchSpace
from .table import thinned

#: Rows that the search sees; what it finds is refitted on all.
MOST_ROWS = 2000
_FINAL_STEPS = 100
#: Steps on all rows where the search has seen only some of them, but enough.
_LAST_STEPS = 8
#: Candidates handed on beside the best of every complexity.
_KEPT = 40
#: Starts of the refit of an architecture that was drawn, not found.
_N_STARTS = 16
DEFAULT_NODES, DEFAULT_IN_DEGREE = 5, 4


class Frame(NamedTuple):
    """Bounds of an open search space."""

    primitives: tuple[Primitive, ...]
    max_nodes: int = DEFAULT_NODES
    aggregations: tuple[str, ...] = ("sum", "product")
    max_in_degree: int = DEFAULT_IN_DEGREE


class Found(NamedTuple):
    space: SearchSpace
    candidates: list[Candidate]  #: best criterion first
    fitted: int  #: candidates that were refitted
    out_of_budget: bool  #: ended by the clock or the number of candidates
    interruption: KeyboardInterrupt | None = None  #: what ended it before its time


class Progress(NamedTuple):
    """What is known while a search runs."""

    fitted: int  #: candidates refitted so far
    error: float  #: loss of the best one, as a share of the variance of y
    criterion: float
    model: Callable[[], Model]  #: makes the best one


class _Units(NamedTuple):
    """y = shift + scale · (what the search fits)."""

    shift: float
    scale: float


def _units(problem: Problem) -> _Units:
    y = problem.y[:, 0]
    shift = float(np.average(y, weights=problem.weight)) if problem.train_bias else 0.0
    scale = 1.0
    if problem.train_readout:
        scale = float(np.sqrt(np.average((y - shift) ** 2, weights=problem.weight)))
    return _Units(shift if problem.train_readout else 0.0, scale if scale > 0 else 1.0)


def arena_for(frame: Frame, problem: Problem, units: _Units) -> Arena:
    """The arena of a problem with one output."""
    primitives = table(frame.primitives)
    names = [p.name for p in primitives]
    allowed = [names.index(p.name) for p in frame.primitives if p.name != "none"]
    return Arena(
        kernel=engine.load(primitives),
        primitives=primitives,
        allowed=np.array(allowed),
        x=np.array(problem.x.T, order="C"),
        y=(problem.y[:, 0] - units.shift) / units.scale,
        root=np.sqrt(problem.weight),
        n_nodes=frame.max_nodes,
        n_slots=frame.max_in_degree,
        can_multiply="product" in frame.aggregations,
        train_readout=problem.train_readout,
        train_bias=problem.train_bias,
    )


@lru_cache(maxsize=8)
def warm_up(frame: Frame, train_readout: bool, train_bias: bool) -> None:
    """Compile everything, or load it from the cache, before a clock starts."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, (20, 1))
    problem = Problem(x, x**2, np.ones(20), train_readout, train_bias)
    arena = arena_for(frame, problem, _Units(0.0, 1.0))
    evolve(arena, Budget(candidates=600), Options(), rng)


def _handed_on(archive: Archive) -> np.ndarray:
    """The best of every complexity and the best by criterion."""
    by_loss = np.argsort(archive.graphs.loss)
    _, first = np.unique(archive.level[by_loss], return_index=True)
    return np.union1d(by_loss[first], np.argsort(archive.criterion)[:_KEPT])


def _copies(graphs: Graphs) -> int:
    """Most edges from one source to one target."""
    most = 1
    for src, op in zip(graphs.src, graphs.op, strict=True):
        for sources, ops in zip(src, op, strict=True):
            used = sources[ops >= 0]
            most = max(most, int(np.bincount(used).max(initial=1)))
    return most


def space_for(frame: Frame, n_inputs: int, graphs: Graphs) -> SearchSpace:
    """The smallest space that contains all the graphs."""
    nodes = int((graphs.op[:, :, 0] >= 0).sum(axis=1).max(initial=1))
    return SearchSpace(
        n_inputs,
        nodes,
        1,
        frame.primitives,
        frame.aggregations,
        frame.max_in_degree,
        _copies(graphs),
    )


def model_of(
    arena: Arena, graphs: Graphs, i: int, space: SearchSpace, objective: Objective,
    units: _Units,
) -> Model:  # fmt: skip
    """Graph number ``i`` as a model in the units of y."""
    names = space.names
    off = -1 if space.none is None else space.none
    architecture = np.full(space.n_edges, off)
    edge = np.zeros((space.n_edges, space.max_params))
    for k, s in np.argwhere(graphs.op[i] >= 0):
        first = space.edges_into(k).start + graphs.src[i, k, s] * space.n_parallel
        e = first + int((architecture[first : first + space.n_parallel] != off).sum())
        primitive = arena.primitives[graphs.op[i, k, s]]
        architecture[e] = names.index(primitive.name)
        edge[e, : primitive.n_params] = graphs.theta[i, k, s, : primitive.n_params]
    product = space.aggregations.index("product") if arena.can_multiply else 0
    plain = space.aggregations.index("sum") if "sum" in space.aggregations else 0
    return Model(
        space,
        objective,
        architecture,
        edge,
        graphs.w[i, 1 : 1 + space.n_nodes, None] * units.scale,
        graphs.w[i, :1] * units.scale + units.shift,
        np.where(graphs.agg[i, : space.n_nodes] == 1, product, plain),
    )


def graphs_of(arena: Arena, models: Sequence[Model], units: _Units) -> Graphs:
    """Models as a batch of graphs, their coefficients included."""
    graphs = arena.empty(len(models))
    names = [p.name for p in arena.primitives]
    for i, model in enumerate(models):
        filled = np.zeros(arena.n_nodes, int)
        for part in model.edges():
            k, s = part.target, filled[part.target]
            filled[k] += 1
            graphs.op[i, k, s] = names.index(part.primitive.name)
            graphs.src[i, k, s] = part.source
            graphs.theta[i, k, s, : len(part.coefs)] = part.coefs
        size = model.space.n_nodes
        graphs.agg[i, :size] = model.products & (filled[:size] > 1)
        graphs.use[i, :size] = (model.readout[:, 0] != 0) & (filled[:size] > 0)
        graphs.w[i, 1 : 1 + size] = model.readout[:, 0] / units.scale
    return graphs


def explore(
    frame: Frame,
    objective: Objective,
    problem: Problem,
    budget: Budget,
    options: Options,
    rng: np.random.Generator,
    progress: Callable[[Progress], None] = lambda progress: None,
    known: Sequence[Model] = (),
) -> Found:
    """Search the frame; candidates come refitted on all rows.

    ``known`` models take part from the start.
    """
    units = _units(problem)
    warm_up(frame, problem.train_readout, problem.train_bias)
    arena = arena_for(frame, thinned(problem, MOST_ROWS, rng), units)
    fitted = 0

    def watch(archive: Archive, count: int) -> None:
        nonlocal fitted
        fitted = count
        graphs, best = archive.graphs, archive.best
        one = space_for(frame, arena.n_inputs, graphs.take([best]))
        progress(
            Progress(
                count,
                float(graphs.loss[best] / arena.unit),
                float(archive.criterion[best]),
                lambda: model_of(arena, graphs, best, one, objective, units),
            )
        )

    archive = evolve(arena, budget, options, rng, watch, _seeds(arena, known, units))
    if not len(archive.criterion):
        space = SearchSpace(arena.n_inputs, 1, 1, frame.primitives, frame.aggregations)
        return Found(space, [], fitted, archive.out_of_budget, archive.interruption)
    full = arena_for(frame, problem, units)
    graphs = archive.graphs.take(_handed_on(archive))
    full.fit(graphs, _FINAL_STEPS if len(problem.x) <= MOST_ROWS else _LAST_STEPS, 1e-13)
    graphs = graphs.take(np.flatnonzero(np.isfinite(graphs.loss)))
    criterion = full.criterion(graphs)
    graphs = graphs.take(np.argsort(criterion, kind="stable"))
    space = space_for(frame, problem.x.shape[1], graphs)
    total = problem.weight.sum() / units.scale**2
    candidates = [
        Candidate(
            Fit(model_of(full, graphs, i, space, objective, units),
                float(graphs.loss[i] / total), 1),
            value,
        )
        for i, value in enumerate(np.sort(criterion, kind="stable"))
    ]  # fmt: skip
    return Found(space, candidates, fitted, archive.out_of_budget, archive.interruption)


def _seeds(arena: Arena, known: Sequence[Model], units: _Units) -> Graphs:
    """Known models that fit into the arena, as graphs."""
    fitting = [
        m
        for m in known
        if m.space.n_nodes <= arena.n_nodes
        and max(_in_degrees(m), default=0) <= arena.n_slots
    ]
    return graphs_of(arena, fitting, units)


def _in_degrees(model: Model) -> list[int]:
    counts = [0] * model.space.n_nodes
    for edge in model.edges():
        counts[edge.target] += 1
    return counts


def refit(
    frame: Frame,
    space: SearchSpace,
    objective: Objective,
    problem: Problem,
    asked: tuple[np.ndarray, np.ndarray],
    known: Sequence[Model],
    rng: np.random.Generator,
) -> Model | None:
    """An architecture (primitives, aggregations) with fitted coefficients.

    Known models of the same architecture lend their coefficients and say which nodes the
    read-out sees; else both the last nodes alone and all of them are tried, from several
    starts. None where nothing is finite on all rows.
    """
    architecture, aggregation = asked
    units = _units(problem)
    blank = Model(
        space,
        objective,
        architecture,
        np.zeros((space.n_edges, space.max_params)),
        np.ones((space.n_nodes, 1)),
        np.zeros(1),
        aggregation,
    )
    slots = max(frame.max_in_degree, *_in_degrees(blank))
    wide = frame._replace(max_nodes=space.n_nodes, max_in_degree=slots)
    arena = arena_for(wide, problem, units)
    same = [m for m in known if same_graph(m, blank)]
    graphs = graphs_of(arena, same, units) if same else _draws(arena, blank, units, rng)
    arena.fit(graphs, _FINAL_STEPS, 1e-13)
    criterion = arena.criterion(graphs)
    best = int(np.argmin(criterion))
    if not np.isfinite(criterion[best]):
        return None
    return model_of(arena, graphs, best, space, objective, units)


def same_graph(model: Model, other: Model) -> bool:
    """Whether two models are the same graph; a lone edge adds or multiplies alike."""
    if model.space != other.space:
        return False
    many = np.array(_in_degrees(other)) > 1
    return bool(
        np.array_equal(model.architecture, other.architecture)
        and np.array_equal(model.aggregation[many], other.aggregation[many])
    )


def _draws(arena: Arena, blank: Model, units: _Units, rng: np.random.Generator) -> Graphs:
    """Starts of an architecture: drawn coefficients, the read-out of two kinds."""
    graphs = graphs_of(arena, [blank] * _N_STARTS, units)
    fed = {edge.source - blank.space.n_inputs for edge in blank.edges()}
    last = np.array([k not in fed for k in range(arena.n_nodes)])
    graphs.use[::2] &= last
    start = starts(arena, _N_STARTS, rng)
    for i, k, s in np.argwhere(graphs.op >= 0):
        op = graphs.op[i, k, s]
        row = start[i, op].copy()
        unit = arena.scale[graphs.src[i, k, s]]
        if arena.form[op, 0]:
            row[0] /= unit
        elif arena.form[op, 1]:
            row[0] *= unit
        graphs.theta[i, k, s] = row
    return graphs
