"""A fit as a function: settings, data and an earlier network in, a result out.

Nothing here knows about the estimator; the estimator knows nothing about how a fit works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from . import compiled, relax
from .discretise import Choice, attempts, move_towards
from .model import Model
from .network import Coefs
from .objectives import Objective
from .outcome import Network, Observer, Result, constant, no_history
from .refit import Fit, Problem, levenberg_marquardt, tamed, without_traces
from .search import (
    Budget,
    Searched,
    Setting,
    random_coefs,
    refit,
    search,
    slope_units,
)
from .search_space import SearchSpace
from .selection import Row
from .table import part, split, table_of, thinned

#: Rows up to which one step sees all of them when batch_size="auto".
FULL_BATCH = 512
#: Rows that the mixture is trained on without batches: sums must fit into memory.
_MOST_UNBATCHED = 1 << 17
#: Rows that candidates are compared on; the chosen one is refitted on all.
SCREENING_ROWS = 1000
#: Rows up to which the chosen architecture is refitted from every start, and the steps
#: that the best of them then takes on all.
_FEW_ROWS, _STEPS_ON_ALL = 2000, 8
#: Levenberg–Marquardt steps of a candidate.
SCREENING_STEPS = 30
_FEWEST_ROWS_TO_SPLIT = 16
_SMALLEST_BUCKET = 64


class Plan(NamedTuple):
    """What a fit is asked to do."""

    hyper: relax.Hyper
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


def _relaxed_data(
    problem: Problem, plan: Plan, scale: float, rng: np.random.Generator
) -> tuple[relax.Data, int | None]:
    rows = len(problem.x)
    batch = FULL_BATCH if plan.batch_size == "auto" else plan.batch_size
    batch = None if batch is None or int(batch) >= rows else int(batch)
    if batch is None:
        problem = thinned(problem, _MOST_UNBATCHED, rng)
        rows = len(problem.x)
    train, valid = _split(rows, plan.validation_fraction, rng)
    held_out = valid > train
    if batch is not None:
        order = rng.permutation(rows)
        order = order[np.argsort(held_out[order], kind="stable")]
        problem, train, valid = part(problem, order), train[order], valid[order]
    n_valid = int(held_out.sum())
    size = _bucket(rows, batch)
    data = relax.Data(
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
    return data, batch


def _initial_state(
    space: SearchSpace, problem: Problem, plan: Plan, rng: np.random.Generator
) -> relax.State:
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
    state = relax.State(alphas, zeros, zeros, np.float32(0), coefs, np.int32(0), key)
    if space.n_aggregations == 1:
        return state
    shape = (space.n_nodes, space.n_aggregations)
    nodes, still = (1e-3 * rng.normal(size=shape)).astype("f4"), np.zeros(shape, "f4")
    return state._replace(node_alphas=nodes, node_mean=still, node_square=still)


def _train(
    static: relax.Static,
    plan: Plan,
    data: relax.Data,
    state: relax.State,
    observer: Observer,
) -> tuple[relax.State, relax.History, KeyboardInterrupt | None]:
    """The relaxed stage in chunks, so that observers see it while it runs.

    An interruption after the first of them is handed over with what there is.
    """
    parts, done, total = [], 0, int(plan.hyper.max_epochs)
    interruption = None
    while done < total and interruption is None:
        count = min(relax.CHUNK, total - done)
        try:
            state, history = jax.device_get(
                compiled.run_epochs(static, plan.hyper, data, state, np.int32(count))
            )
            parts.append(jax.tree.map(lambda a, n=count: a[:n], history))
            observer.epochs(done, parts[-1])
        except KeyboardInterrupt as stop:
            if not parts:
                raise
            interruption = stop
        done += count
    if not parts:
        return state, no_history(state.alphas), None
    history = relax.History(*map(np.concatenate, zip(*parts, strict=True)))
    return state, history, interruption


def _chosen(
    setting: Setting,
    network: Network,
    strategy: str,
    known: list[Model],
    rng: np.random.Generator,
) -> Model | None:
    """The sampled architecture with refitted coefficients; None if none is finite."""
    weights = network.alphas, network.node_alphas, network.darts_type
    for choice in attempts(network.space, *weights, strategy, rng):
        starts = [
            m
            for m in known
            if np.array_equal(m.architecture, choice.architecture)
            and np.array_equal(m.aggregation, choice.aggregation)
        ]
        fit = _refitted(setting, choice, starts, rng)
        if np.isfinite(fit.loss):
            if setting.objective.likelihood:  # separable classes drive slopes to infinity
                fit = tamed(setting.problem, fit)
            return without_traces(setting.problem, fit.model)
    return None


def _refitted(
    setting: Setting, choice: Choice, starts: list[Model], rng: np.random.Generator
) -> Fit:
    """An architecture refitted on all rows; of many first from where a sample leads."""
    problem, steps = setting.problem, min(setting.max_iter, _STEPS_ON_ALL)
    if len(problem.x) <= _FEW_ROWS:
        return refit(setting, choice.architecture, rng, starts, choice.aggregation).fit
    sample = setting._replace(problem=thinned(problem, _FEW_ROWS, rng))
    near = refit(sample, choice.architecture, rng, starts, choice.aggregation).fit.model
    fits = [levenberg_marquardt(problem, model, 0) for model in (near, *starts)]
    best = min(fits, key=lambda fit: fit.loss)
    return levenberg_marquardt(problem, best.model, steps)


def _held(found: Any, problem: Problem) -> Any:
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
) -> relax.State:
    """A fresh state, or the earlier one with its weights and perhaps coefficients."""
    state = _initial_state(space, problem, plan, rng)
    if earlier is None:
        return state
    old = earlier[0].state
    coefs = _held(old.coefs, problem) if plan.continues else state.coefs
    return old._replace(coefs=coefs, epoch=np.int32(0), key=state.key)


def _search(
    setting: Setting,
    state: relax.State,
    plan: Plan,
    rng: np.random.Generator,
    observer: Observer,
) -> tuple[Searched, list[Row], relax.State]:
    """Candidates, best first, their table and the state moved towards them."""
    if not (plan.search_architecture and plan.n_candidates):
        return Searched([]), [], state
    train, held = split(setting.problem, plan.holds_out, rng)
    screening = setting._replace(
        problem=thinned(train, SCREENING_ROWS, rng), max_iter=SCREENING_STEPS
    )
    budget = Budget(plan.n_candidates, plan.max_time)
    searched = search(
        screening, state.alphas, plan.darts_type, budget, rng, observer.candidate
    )
    found = searched.candidates
    if not found:
        return searched, [], state
    rows = table_of(found, screening.problem, held)
    criteria = np.array([c.criterion for c in found])
    if plan.choose is not None:
        choice = rows[plan.choose(rows)].model
        index = next(i for i, c in enumerate(found) if c.fit.model is choice)
        criteria[index] = criteria.min() - 1e-9
    architectures = [c.architecture for c in found]
    alphas = move_towards(state.alphas, plan.darts_type, architectures, criteria)
    state = state._replace(alphas=alphas.astype(np.float32))
    if state.node_alphas is not None:
        aggregations = [c.aggregation for c in found]
        nodes = move_towards(state.node_alphas, "original", aggregations, criteria)
        state = state._replace(node_alphas=nodes.astype(np.float32))
    return searched, rows, state


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # not finite: it loses
def run(
    space: SearchSpace,
    objective: Objective,
    problem: Problem,
    plan: Plan,
    earlier: tuple[Network, Model] | None,
    rng: np.random.Generator,
    observer: Observer,
) -> Result:
    """Search, sample and refit."""
    scale = _scale(problem, objective, centred=bool(plan.hyper.train_bias))
    data, batch = _relaxed_data(problem, plan, scale, rng)
    state = _start(space, problem, plan, earlier, rng)
    static = relax.Static(space, objective.name, plan.darts_type, plan.unrolled, batch)
    state, history, interruption = _train(static, plan, data, state, observer)
    setting = Setting(space, objective, problem, state.coefs, plan.refit_steps)
    searched = Searched([], interruption)
    rows: list[Row] = []
    if interruption is None:
        searched, rows, state = _search(setting, state, plan, rng, observer)
    candidates, interruption, _ = searched
    known = [c.fit.model for c in candidates]
    if earlier is not None:
        known.append(_held(earlier[1], problem))
    network = Network(space, objective, plan.darts_type, state)
    model = None
    if not searched.diverged:
        model = _chosen(setting, network, plan.sampling_strategy, known, rng)
    if model is not None:
        return Result(network, model, history, candidates, True, rows, interruption)
    model = constant(space, objective, problem)
    return Result(network, model, history, candidates, False, rows, interruption)
