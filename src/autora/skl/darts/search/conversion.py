"""Between models, with their search space, and the arrays in which graphs compete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..fitting.problem import Problem
from ..graph.model import Edge, Model
from ..graph.objectives import Objective
from ..graph.observations import mean, spread
from ..graph.primitives import Primitive
from ..graph.search_space import SearchSpace, most_parallel
from ..graph.specification import SpaceBounds
from ..selection import criteria
from ..selection.criteria import TRIED
from .dimensions import unit_rows
from .evaluator import Evaluator, Graphs, Scaling, table
from .grouped_evaluator import GroupedEvaluator
from .kernels import loader


def scaling_of(problem: Problem, objective: Objective) -> Scaling:
    if not objective.least_squares:
        return Scaling(0.0, 1.0)
    y = problem.y[:, 0]
    shift = float(mean(y, problem.weight)) if problem.train_bias else 0.0
    scale = 1.0
    if problem.train_readout:
        scale = float(spread(y - shift, problem.weight))
    return Scaling(shift if problem.train_readout else 0.0, scale if scale > 0 else 1.0)


def evaluator_for(
    bounds: SpaceBounds,
    problem: Problem,
    objective: Objective,
    primitives: tuple[Primitive, ...] | None = None,
) -> Evaluator:
    """The evaluator of a problem with one output; by default it knows all primitives."""
    primitives = primitives or table(bounds.primitives)
    names = [p.name for p in primitives]
    scaling = scaling_of(problem, objective)
    y = (problem.y[:, 0] - scaling.shift) / scaling.scale
    allowed = [names.index(p.name) for p in bounds.primitives if p.name != "none"]
    fields: dict[str, Any] = {
        "kernels": loader.load(primitives),
        "objective": objective,
        "primitives": primitives,
        "allowed": np.array(allowed),
        "x": np.array(problem.inputs.T, order="C"),
        "y": y,
        "root": np.sqrt(problem.weight),
        "offset": np.zeros(len(y)) if problem.offset is None else problem.offset,
        "n_nodes": bounds.max_nodes,
        "n_slots": bounds.max_in_degree,
        "can_multiply": "product" in bounds.aggregations,
        "train_readout": problem.train_readout,
        "train_bias": problem.train_bias,
        "known": criteria.evidence(problem, objective.likelihood)._replace(tried=TRIED),
        "scaling": scaling,
        "units": unit_rows(problem.dimensions, primitives, bounds.max_nodes),
    }
    if problem.groups:
        return GroupedEvaluator(**fields, group=problem.x[:, -1].astype(int))
    return Evaluator(**fields)


def space_for(
    bounds: SpaceBounds, n_inputs: int, graphs: Graphs, least_in_degree: int = 1
) -> SearchSpace:
    """The smallest space that contains all the graphs."""
    nodes = int((graphs.op[:, :, 0] >= 0).sum(axis=1).max(initial=1))
    edges = np.nonzero(graphs.op >= 0)
    ends = np.stack([*edges[:2], graphs.src[edges]], axis=1)
    return SearchSpace(
        n_inputs,
        nodes,
        1,
        bounds.primitives,
        bounds.aggregations,
        max(bounds.max_in_degree, least_in_degree),
        most_parallel(map(tuple, ends.tolist())),
    )


def model_of(evaluator: Evaluator, graphs: Graphs, i: int, space: SearchSpace) -> Model:
    """Graph number ``i`` as a model in the units of y; the space may have more nodes."""
    edges, scaling = [], evaluator.scaling
    readout, multiplies = np.zeros(space.n_nodes), np.zeros(space.n_nodes, bool)
    size = min(space.n_nodes, evaluator.n_nodes)
    readout[:size] = graphs.w[i, 1 : 1 + size] * scaling.scale
    multiplies[:size] = graphs.agg[i, :size] == 1
    for k, s in np.argwhere(graphs.op[i] >= 0).tolist():
        primitive = evaluator.primitives[graphs.op[i, k, s]]
        coefs = tuple(graphs.theta[i, k, s, : primitive.n_params].tolist())
        edges.append(Edge(int(graphs.src[i, k, s]), k, primitive, coefs))
    product = space.aggregations.index("product") if evaluator.can_multiply else 0
    plain = space.aggregations.index("sum") if "sum" in space.aggregations else 0
    return Model.from_edges(
        space,
        evaluator.objective,
        edges,
        readout[:, None],
        graphs.w[i, :1] * scaling.scale + scaling.shift,
        np.where(multiplies, product, plain),
    )


def graphs_of(evaluator: Evaluator, models: Sequence[Model]) -> Graphs:
    """Models as a batch of graphs, their coefficients included."""
    graphs = evaluator.empty(len(models))
    names = [p.name for p in evaluator.primitives]
    for i, model in enumerate(models):
        filled = np.zeros(evaluator.n_nodes, int)
        for part in model.edges():
            k, s = part.target, filled[part.target]
            filled[k] += 1
            graphs.op[i, k, s] = names.index(part.primitive.name)
            graphs.src[i, k, s] = part.source
            graphs.theta[i, k, s, : len(part.coefs)] = part.coefs
        size = model.space.n_nodes
        graphs.agg[i, :size] = model.products & (filled[:size] > 1)
        graphs.use[i, :size] = (model.readout[:, 0] != 0) & (filled[:size] > 0)
        graphs.w[i, 1 : 1 + size] = model.readout[:, 0] / evaluator.scaling.scale
    return graphs
