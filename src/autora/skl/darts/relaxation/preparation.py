"""What the relaxed stage of a fit starts from: padded rows and a state.

Everything random about a restart is drawn here, before an accelerator is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..fitting.problem import Problem, part, thinned
from ..graph.architecture import Coefs
from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.search_space import SearchSpace
from ..selection.candidates import random_coefs, slope_units
from ..selection.pareto import Row
from ..selection.result import Network
from . import bilevel, devices

#: Rows up to which one step sees all of them when batch_size="auto".
FULL_BATCH = 512
#: Rows that the mixture is trained on without batches: sums must fit into memory.
_MOST_UNBATCHED = 1 << 17
_FEWEST_ROWS_TO_SPLIT = 16
_SMALLEST_BUCKET = 64


class Start(NamedTuple):
    """A restart before its first epoch."""

    static: bilevel.Static
    data: bilevel.Data
    state: bilevel.State
    shared: bool  #: whether the inputs and outputs are the same in every restart


class Plan(NamedTuple):
    """What a fit is asked to do."""

    hyper: bilevel.Hyper
    darts_type: str
    unrolled: bool
    batch_size: int | str | None
    validation_fraction: float
    sampling_strategy: str
    n_candidates: int
    refit_steps: int
    search_architecture: bool  #: False keeps the architecture weights as they are
    continues: bool  #: start from the earlier network's weights and coefficients
    init_weights_function: Callable[..., Any] | None = None
    max_time: float = np.inf  #: seconds for the search over candidates
    choose: Callable[[Sequence[Row]], int] | None = None  #: picks a row of the table
    holds_out: bool = False
    rounds: bool | str = False  #: "exact": in exact fits alone


class Task(NamedTuple):
    """A fit that only lacks its random numbers."""

    space: SearchSpace
    objective: Objective
    problem: Problem
    plan: Plan
    earlier: tuple[Network, Model] | None


def _scale(problem: Problem, objective: Objective, centred: bool) -> float:
    """The unit of y: its spread, or its size where the read-out has no intercept."""
    if not objective.least_squares:
        return 1.0
    y, weight = problem.y, problem.weight
    if centred:
        y = y - np.average(y, axis=0, weights=weight)
    scale = float(np.sqrt(np.average(np.mean(y**2, axis=1), weights=weight)))
    return scale if np.isfinite(scale) and scale > 0 else 1.0


def _bucket(rows: int, batch: int | None) -> int:
    """Padded number of rows: few sizes, so that growing data rarely recompile."""
    size = max(_SMALLEST_BUCKET, 1 << (rows - 1).bit_length())
    return size if batch is None else -(-size // batch) * batch


def _split(rows: int, fraction: float, rng: np.random.Generator) -> tuple:
    """Row weights of the two levels (arXiv 1806.09055, equations 3 and 4)."""
    count = round(rows * fraction)
    if rows < _FEWEST_ROWS_TO_SPLIT or count == 0:
        return np.ones(rows), np.ones(rows)
    held_out = np.zeros(rows)
    held_out[rng.permutation(rows)[:count]] = 1
    return 1 - held_out, held_out


def _padded(array: np.ndarray, size: int) -> np.ndarray:
    result = np.zeros((size, *array.shape[1:]), np.float32)
    with np.errstate(over="ignore"):
        result[: len(array)] = array
    return result


def _batch_size(plan: Plan, rows: int) -> int | None:
    """Rows per step; None for all of them."""
    batch = FULL_BATCH if plan.batch_size == "auto" else plan.batch_size
    return None if batch is None or int(batch) >= rows else int(batch)


def _relaxed_data(
    problem: Problem,
    plan: Plan,
    batch: int | None,
    scale: float,
    rng: np.random.Generator,
) -> bilevel.Data:
    rows = len(problem.x)
    train, valid = _split(rows, plan.validation_fraction, rng)
    held_out = valid > train
    if batch is not None:
        order = rng.permutation(rows)
        order = order[np.argsort(held_out[order], kind="stable")]
        problem, train, valid = part(problem, order), train[order], valid[order]
    n_valid = int(held_out.sum())
    size = _bucket(rows, batch)
    return bilevel.Data(
        x=_padded(problem.x, size),
        y=_padded(problem.y, size),
        train=_padded(train * problem.weight, size),
        valid=_padded(valid * problem.weight, size),
        scale=np.float32(scale),
        spans=np.array(
            [[0, rows - n_valid], [rows - n_valid, n_valid] if n_valid else [0, rows]],
            np.int32,
        ),
    )


def _initial_state(
    space: SearchSpace, problem: Problem, plan: Plan, rng: np.random.Generator
) -> bilevel.State:
    """Small random architecture weights, coefficients in the units of the data."""
    alphas = (1e-3 * rng.normal(size=(space.n_edges, space.n_primitives))).astype("f4")
    edge = random_coefs(space, slope_units(problem, space), rng)
    if plan.init_weights_function is not None:
        edge = np.asarray(plan.init_weights_function(rng, edge.shape), float)
        if edge.shape != (space.n_edges, space.n_primitives, space.max_params):
            raise ValueError(
                "init_weights_function(rng, shape) must return an array of shape "
                f"{(space.n_edges, space.n_primitives, space.max_params)}, "
                f"got {edge.shape}"
            )
    coefs = Coefs(
        edge.astype("f4"),
        np.ones((space.n_nodes, space.n_outputs), "f4"),
        np.zeros(space.n_outputs, "f4"),
    )
    zeros = np.zeros_like(alphas)
    key = rng.integers(0, 2**32, size=2, dtype=np.uint32)
    state = bilevel.State(alphas, zeros, zeros, np.float32(0), coefs, np.int32(0), key)
    if space.n_aggregations == 1:
        return state
    shape = (space.n_nodes, space.n_aggregations)
    nodes, still = (1e-3 * rng.normal(size=shape)).astype("f4"), np.zeros(shape, "f4")
    return state._replace(node_alphas=nodes, node_mean=still, node_square=still)


def held(found: Any, problem: Problem) -> Any:
    """What was found, its read-out 1 and bias 0 where they are not trained now."""
    changes = {}
    if not problem.train_readout:
        changes["readout"] = np.ones_like(found.readout)
    if not problem.train_bias:
        changes["bias"] = np.zeros_like(found.bias)
    replace = found.replace if isinstance(found, Model) else found._replace
    return replace(**changes)


def _start(
    space: SearchSpace,
    problem: Problem,
    plan: Plan,
    earlier: tuple[Network, Model] | None,
    rng: np.random.Generator,
) -> bilevel.State:
    """A fresh state, or the earlier one with its weights and perhaps coefficients."""
    state = _initial_state(space, problem, plan, rng)
    if earlier is None:
        return state
    old = earlier[0].state
    coefs = held(old.coefs, problem) if plan.continues else state.coefs
    return old._replace(coefs=coefs, epoch=np.int32(0), key=state.key)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # not finite: it loses
def prepared(task: Task, rng: np.random.Generator) -> Start:
    """The data that the mixture is trained on and where the training begins."""
    space, objective, problem, plan, earlier = task
    scale = _scale(problem, objective, centred=bool(plan.hyper.train_bias))
    batch, seen = _batch_size(plan, len(problem.x)), problem
    if batch is None:
        most = _MOST_UNBATCHED * devices.count(len(problem.x))
        seen = thinned(problem, most, rng)
    data = _relaxed_data(seen, plan, batch, scale, rng)
    state = _start(space, problem, plan, earlier, rng)
    static = bilevel.Static(space, objective.name, plan.darts_type, plan.unrolled, batch)
    return Start(static, data, state, shared=batch is None and seen is problem)
