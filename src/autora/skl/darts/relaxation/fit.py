"""A fit as a function: settings, data and an earlier network in, a result out.

Nothing here knows about the estimator; the estimator knows nothing about how a fit works.
"""

from __future__ import annotations

import os

import jax
import numpy as np

from ..fitting.frequencies import with_lowest_frequencies
from ..fitting.problem import Problem, split, thinned
from ..fitting.refit import Fit, levenberg_marquardt, without_steep_slopes, without_traces
from ..graph.architecture import Choice, attempts
from ..graph.model import Model
from ..graph.search_space import SearchSpace
from ..runtime.budget import Budget
from ..runtime.checkpoint import Checkpoints, generator_state
from ..selection.candidates import Candidate, Setting, refit
from ..selection.criteria import evidence, judged
from ..selection.pareto import Row
from ..selection.result import Network, Result
from ..selection.table import constant, rounded, table_of
from . import bilevel, compilation, devices
from .bilevel import History
from .candidate_search import Searched, search
from .history import Observer, Trained
from .preparation import Plan, Start, Task, held, prepared
from .training import saved_state, trained

#: Rows that candidates are compared on; the chosen one is refitted on all.
SCREENING_ROWS = 1000
#: Rows up to which the chosen architecture is refitted from every start, and the steps
#: that the best of them then takes on all.
_FEW_ROWS, _STEPS_ON_ALL = 2000, 8
#: Levenberg–Marquardt steps of a candidate.
SCREENING_STEPS = 30


def _train(
    start: Start, plan: Plan, observer: Observer, checkpoints: Checkpoints | None
) -> Trained:
    """The relaxed stage; an interruption is handed over with what there is."""
    static, hyper = start.static, plan.hyper
    data = devices.spread_rows(start.data, static.batch_size)

    def epochs(state: bilevel.State, count: np.int32) -> tuple[bilevel.State, History]:
        return jax.device_get(compilation.run_epochs(static, hyper, data, state, count))

    saved = saved_state(checkpoints, static, hyper, start.data, start.state)
    total = int(hyper.max_epochs)
    return trained(epochs, start.state, total, observer.epochs, saved)


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
        if not _has_edges(network.space, choice):
            return constant(network.space, setting.objective, setting.problem)
        fit = _refitted(setting, choice, starts, rng)
        if np.isfinite(fit.loss):
            if setting.objective.likelihood:  # separable classes drive slopes to infinity
                fit = without_steep_slopes(setting.problem, fit)
            model = with_lowest_frequencies(setting.problem, fit.model)
            if model is not fit.model:
                model = levenberg_marquardt(setting.problem, model, _STEPS_ON_ALL).model
            return without_traces(setting.problem, model)
    return None


def _has_edges(space: SearchSpace, choice: Choice) -> bool:
    return space.none is None or bool((choice.architecture != space.none).any())


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
    network: Network,
    plan: Plan,
    rng: np.random.Generator,
    observer: Observer,
    checkpoints: Checkpoints | None,
) -> tuple[Searched, list[Row], Network]:
    """Candidates, best first, their table and the weights moved towards them."""
    if not (plan.search_architecture and plan.n_candidates):
        return Searched([]), [], network
    train, kept = split(setting.problem, plan.holds_out, rng)
    screening = setting._replace(
        problem=thinned(train, SCREENING_ROWS, rng), max_iter=SCREENING_STEPS
    )
    budget = Budget(plan.n_candidates, plan.max_time)
    searched = search(
        screening,
        network.alphas,
        network.darts_type,
        budget,
        rng,
        observer.candidate,
        checkpoints,
    )
    found, space = searched.candidates, setting.space
    if not found:
        return searched, [], network
    rows = table_of(found, space, setting.objective, screening.problem, kept)
    if len(train.x) > SCREENING_ROWS:
        rows = _on_all_rows(rows, train, kept)
    models = [c.fit.model for c in found]
    criteria = np.array([c.criterion for c in found])
    if plan.choose is not None:
        models = [rows[plan.choose(rows)].model, *models]
        criteria = np.append(criteria.min() - 1e-9, criteria)
    return searched, rows, network.moved_towards(models, criteria)


def _on_all_rows(rows: list[Row], train: Problem, kept: Problem | None) -> list[Row]:
    """The table with coefficients, losses and criteria of all rows, not of a sample."""
    models = [row.model for row in rows]
    fits = [levenberg_marquardt(train, m, _STEPS_ON_ALL) for m in models if m.live_nodes()]
    found = [Candidate(fit, judged(fit.model, fit.loss, train)) for fit in fits]
    return table_of(found, models[0].space, models[0].objective, train, kept)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # not finite: it loses
def run(
    task: Task,
    rng: np.random.Generator,
    observer: Observer,
    checkpoints: Checkpoints | None = None,
) -> Result:
    """Search, sample and refit; what a ``checkpoints`` has of it is not done again."""
    start = prepared(task, rng)
    with devices.memory_for(start.static.batch_size or len(start.data.x)):
        mixture = _train(start, task.plan, observer, checkpoints)
    return finish(task, rng, observer, mixture, checkpoints)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def finish(
    task: Task,
    rng: np.random.Generator,
    observer: Observer,
    mixture: Trained,
    checkpoints: Checkpoints | None = None,
) -> Result:
    """From a trained mixture to a model: the candidates, the sampled graph, its refit."""
    space, objective, problem, plan, earlier = task
    state, history, interruption = mixture
    setting = Setting(space, objective, problem, state.coefs, plan.refit_steps)
    network = Network(space, objective, plan.darts_type, state)
    searched = Searched([], interruption)
    rows: list[Row] = []
    if interruption is None:
        searched, rows, network = _search(
            setting, network, plan, rng, observer, checkpoints
        )
    candidates, interruption, _ = searched
    known = [c.fit.model for c in candidates]
    if earlier is not None:
        known.append(held(earlier[1], problem))
    model = None
    if not searched.diverged:
        model = _chosen(setting, network, plan.sampling_strategy, known, rng)
    if model is not None:
        unrounded = model
        if interruption is None:
            model = rounded(problem, model, plan.rounds, rng)
        return Result(
            network, model, history, candidates, True, rows, interruption, unrounded
        )
    model = constant(space, objective, problem)
    return Result(network, model, history, candidates, False, rows, interruption)


def checkpoints_of(
    folder: str | os.PathLike[str] | None,
    task: Task,
    n_restarts: int,
    rng: np.random.Generator,
) -> Checkpoints | None:
    """The keeper of a fit, whose restarts have places of their own in it."""
    if folder is None:
        return None
    plan, problem = task.plan, task.problem
    plain = plan._replace(choose=None, init_weights_function=None)
    known = evidence(problem, task.objective.likelihood)
    fit = repr((task.space, task.objective.name, plain, n_restarts, known))
    data = (problem.x, problem.y, problem.weight, generator_state(rng))
    return Checkpoints.of(folder, fit, data)
