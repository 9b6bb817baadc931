"""A fit as a function: settings, data and an earlier network in, a result out.

Nothing here knows about the estimator; the estimator knows nothing about how a fit works.
"""

from __future__ import annotations

import jax
import numpy as np

from . import compiled, devices, relax
from .aliases import lowered
from .discretise import Choice, attempts, move_towards
from .model import Model
from .outcome import Network, Observer, Result, Trained, constant, joined, no_history
from .prepare import Plan, Task, held, prepared
from .refit import Fit, levenberg_marquardt, tamed, without_traces
from .search import Budget, Searched, Setting, refit, search
from .selection import Row
from .table import split, table_of, thinned

#: Rows that candidates are compared on; the chosen one is refitted on all.
SCREENING_ROWS = 1000
#: Rows up to which the chosen architecture is refitted from every start, and the steps
#: that the best of them then takes on all.
_FEW_ROWS, _STEPS_ON_ALL = 2000, 8
#: Levenberg–Marquardt steps of a candidate.
SCREENING_STEPS = 30


def _train(
    static: relax.Static,
    plan: Plan,
    data: relax.Data,
    state: relax.State,
    observer: Observer,
) -> Trained:
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
        return Trained(state, no_history(state.alphas))
    return Trained(state, joined(parts), interruption)


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
            model = lowered(setting.problem, fit.model)
            if model is not fit.model:
                model = levenberg_marquardt(setting.problem, model, _STEPS_ON_ALL).model
            return without_traces(setting.problem, model)
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
    train, kept = split(setting.problem, plan.holds_out, rng)
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
    rows = table_of(found, screening.problem, kept)
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
def run(task: Task, rng: np.random.Generator, observer: Observer) -> Result:
    """Search, sample and refit."""
    start = prepared(task, rng)
    data = devices.spread_rows(start.data, start.static.batch_size)
    with devices.memory_for(start.static.batch_size or len(data.x)):
        trained = _train(start.static, task.plan, data, start.state, observer)
    return finish(task, rng, observer, trained)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def finish(
    task: Task, rng: np.random.Generator, observer: Observer, trained: Trained
) -> Result:
    """From a trained mixture to a model: the candidates, the sampled graph, its refit."""
    space, objective, problem, plan, earlier = task
    state, history, interruption = trained
    setting = Setting(space, objective, problem, state.coefs, plan.refit_steps)
    searched = Searched([], interruption)
    rows: list[Row] = []
    if interruption is None:
        searched, rows, state = _search(setting, state, plan, rng, observer)
    candidates, interruption, _ = searched
    known = [c.fit.model for c in candidates]
    if earlier is not None:
        known.append(held(earlier[1], problem))
    network = Network(space, objective, plan.darts_type, state)
    model = None
    if not searched.diverged:
        model = _chosen(setting, network, plan.sampling_strategy, known, rng)
    if model is not None:
        return Result(network, model, history, candidates, True, rows, interruption)
    model = constant(space, objective, problem)
    return Result(network, model, history, candidates, False, rows, interruption)
