"""What a user should know about the data or the result, each with its remedy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..fitting.problem import Problem, mean_loss, thinned
from ..fitting.refit import HUGE
from ..graph.model import Model
from ..graph.specification import Specification
from ..runtime.messages import warn
from ..search.baselines import straight
from ..selection.criteria import constant_loss, judged, n_coefficients
from ..selection.pareto import Row, are_alike

#: Rows that a comparison looks at.
_MOST_ROWS = 2000
#: Columns beyond which dependence among them is not looked for.
_MOST_COLUMNS = 100
#: Share of a column's spread that the others may leave unexplained and still make it up.
_DEPENDENT = 1e-9
#: Steps of double precision within a column's range below which its digits are few.
_FEWEST_STEPS = 1e8
#: Rows from which on outliers are told, typical errors at which they begin, and the most
#: of them; a standard deviation in median absolute deviations.
_FEWEST_ROWS, _OUTLYING, _MOST_OUTLYING, _MAD = 20, 8.0, 0.07, 1.4826
#: Times that they are as far off as any other row.
_GAP = 2.0
#: Parameters of the mixture's training.
_OF_MIXTURES = (
    "batch_size", "classifier_weight_decay", "init_weights_function",
    "param_updates_per_epoch", "param_updates_for_sampled_model",
    "param_learning_rate_max", "param_learning_rate_min", "param_momentum",
    "param_weight_decay", "arch_updates_per_epoch", "arch_learning_rate_max",
    "arch_learning_rate_min", "arch_weight_decay", "arch_weight_decay_df",
    "arch_weight_decay_base", "arch_momentum", "fair_darts_loss_weight", "max_epochs",
    "grad_clip", "execution_monitor", "validation_fraction", "unrolled", "precondition",
    "darts_type",
)  # fmt: skip
#: Parameters that are of use where one equation is fitted and nothing is searched.
_OF_ONE_FORM = frozenset(
    {
        "equation", "output_type", "class_weight", "tolerance", "random_state", "verbose",
        "dimensionless_constants_only", "constants",
    }
)  # fmt: skip


class DataWarning(UserWarning):
    """The data cannot carry what was asked of them."""


class DomainWarning(UserWarning):
    """The equation is undefined where it was asked."""


def about_data(problem: Problem, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Warn of columns from which nothing can be learnt, by name, before the search."""
    sample = thinned(problem, _MOST_ROWS, np.random.default_rng(0)).x
    for message in (
        *_out_of_reach(problem, [*inputs, *outputs]),
        *_without_digits(problem, [*inputs, *outputs]),
        *_idle(problem.x, sample, inputs),
    ):
        warn(message, DataWarning)


def about_unused(
    params: dict[str, Any], defaults: dict[str, Any], what: Specification
) -> None:
    """One warning of all parameters that were set and that this fit has no use for."""
    reasons: dict[str, list[str]] = {}
    for name, reason in _unused(params, what):
        value, default = params.get(name), defaults.get(name)
        if name in defaults and value is not default and value != default:
            reasons.setdefault(reason, []).append(f"{name}={value!r}")
    if reasons:
        parts = [f"{', '.join(names)} ({reason})" for reason, names in reasons.items()]
        warn(
            f"not used in this fit: {'; '.join(parts)}",
            UserWarning,
        )


def _unused(params: dict[str, Any], what: Specification) -> Iterator[tuple[str, str]]:
    """Parameters that do nothing here, and what would use them."""
    if params["equation"] is not None:
        for name in params:
            # What a theory asks for is always trained: to be told so changes nothing.
            always = name.startswith("train_classifier") and params[name] is True
            if name not in _OF_ONE_FORM and not always:
                yield name, "without equation a search would"
        return
    if what.searches_openly:
        needs = "num_graph_nodes as a number, with sums alone, would train a mixture"
        for name in _OF_MIXTURES:
            if name not in ("max_epochs", "arch_updates_per_epoch") or params[name] > 0:
                yield name, needs
    else:
        yield "guesses", "num_graph_nodes='auto' would"
        if what.darts_type == "original":
            yield "fair_darts_loss_weight", "darts_type='fair' would"
        if not what.train_readout:
            reason = "train_classifier_coefficients=True would"
            yield "classifier_weight_decay", reason
        if params["n_candidates"] == 0:
            for name in ("max_time", "model_selection"):
                yield name, "n_candidates above 0 would"
    if params["n_restarts"] == 1 and params["n_jobs"] != 1:
        yield "n_jobs", "n_restarts above 1 would"
    if what.objective.likelihood:
        yield "tolerance", "output types with squared errors would"
    if not what.objective.least_squares:
        yield "round_coefficients", "output_type='real' would"


def about_outliers(problem: Problem, model: Model, outputs: Sequence[str]) -> None:
    """Warn of rows far off an equation that all others obey."""
    for message in _outlying(problem, model, outputs) if model.live_nodes() else ():
        warn(message, DataWarning)


def about_model(
    problem: Problem,
    model: Model,
    rows: Sequence[Row],
    outputs: Sequence[str],
) -> None:
    """Warn of a model that says more than the data do, or nothing, and of outliers."""
    about_outliers(problem, model, outputs)
    problem = problem._replace(sparse_readout=True)  # count what the read-out reads
    small = thinned(problem, _MOST_ROWS, np.random.default_rng(0))
    count = n_coefficients(model, problem)
    distinct = len(problem.x) if problem.distinct is None else problem.distinct
    numbers = distinct * problem.y.shape[1]
    if not model.live_nodes() and (problem.y != problem.y[0]).any():
        best = min(rows, key=lambda row: row.criterion, default=None)
        if best is not None and best.complexity:
            return  # somebody's own choice
        message = _nothing_found(problem, rows, outputs)
    elif 2 * count >= numbers and model.live_nodes():
        message = (
            f"the equation has {count} coefficients but y only {numbers} numbers on "
            "different rows of X, which it may pass near by chance alone; "
            "add rows, lower num_graph_nodes or take simpler primitives"
        )
    elif is_curved(model) and straight_is_as_good(small, model):
        message = (
            f"a straight line (the best linear function of X) fits {' and '.join(outputs)} "
            "as well as the equation by the criterion; prefer it, or add rows where the "
            "two differ"
        )
    else:
        return
    warn(message, DataWarning)


def _nothing_found(problem: Problem, rows: Sequence[Row], outputs: Sequence[str]) -> str:
    """That the constant won, with the numbers that decided."""
    names = " and ".join(outputs)
    others = [(row.criterion, i) for i, row in enumerate(rows) if row.complexity]
    what = f"no equation explains {names} better than the constant"
    if not others:
        return f"{what}; add rows or primitives"
    value, best = min(others)
    row, constant = rows[best], min(row.criterion for row in rows if not row.complexity)
    if row.model.objective.likelihood:
        quality = f"a mean loss of {row.loss:.3g}"
    else:
        quality = f"R² = {1 - row.loss / constant_loss(problem):.3f}"
    return (
        f"{what}: of what was tried, row {best} of equations_ comes next, with {quality} "
        f"on {len(problem.x)} rows for a complexity of {row.complexity:g} (criterion "
        f"{value:.1f}, that of the constant {constant:.1f}; the smaller one wins). Noise "
        f"alone does as well; add rows, or take it with select_equation({best})"
    )


def _out_of_reach(problem: Problem, names: Sequence[str]) -> Iterator[str]:
    """Columns whose squares double precision cannot hold."""
    sizes = [np.maximum(a.max(axis=0), -a.min(axis=0)) for a in (problem.x, problem.y)]
    size = np.concatenate(sizes)
    far = (size >= HUGE) | ((size > 0) & (size <= 1 / HUGE))
    found = [f"{n!r} ({s:.0e})" for n, s, f in zip(names, size, far, strict=True) if f]
    if found:
        yield (
            f"the largest number of {', '.join(found)} lies outside {1 / HUGE:.0e} … "
            f"{HUGE:.0e}: its square is no number in double precision, and no good "
            "equation can be expected; measure the column in other units"
        )


def _without_digits(problem: Problem, names: Sequence[str]) -> Iterator[str]:
    """Columns that lie so far from zero that double precision hardly sees them vary."""
    low = np.concatenate([problem.x.min(axis=0), problem.y.min(axis=0)])
    high = np.concatenate([problem.x.max(axis=0), problem.y.max(axis=0)])
    with np.errstate(all="ignore"):
        left = (high - low) / np.spacing(np.maximum(np.abs(low), np.abs(high)))
    for name, steps, first, last in zip(names, left, low, high, strict=True):
        if 0 < steps < _FEWEST_STEPS:
            yield (
                f"{name!r} varies by {last - first:.3g} about {first:.3g}, where double "
                f"precision has {math.log10(steps):.0f} digits left for it; subtract a "
                "constant before the numbers are rounded to double precision"
            )


def _outlying(problem: Problem, model: Model, names: Sequence[str]) -> Iterator[str]:
    """Rows far off an equation that all others obey."""
    if not model.objective.least_squares or len(problem.x) < _FEWEST_ROWS:
        return
    residual = (problem.y - model.eta(problem.x)) * np.sqrt(problem.weight)[:, None]
    for q, name in enumerate(names):
        size = np.abs(residual[:, q] - np.median(residual[:, q]))
        typical = _MAD * float(np.median(size))
        far = size > max(_OUTLYING * typical, 1e-6 * float(np.ptp(problem.y[:, q])))
        if not 0 < far.mean() <= _MOST_OUTLYING:
            continue
        # What an equation misses is alike in neighbouring rows, and of every size.
        apart = size[far].min() > _GAP * size[~far].max()
        if apart and not are_alike(problem.x, residual[:, q]):
            worst = problem.y[int(np.argmax(size)), q]
            yield (
                f"{far.sum()} of {len(far)} rows lie more than {_OUTLYING:.0f} typical "
                f"errors off the equation of {name} (the farthest at {name} = {worst:.4g}):"
                " outliers, which pull least squares, or something that the equation "
                "misses; check them, or leave them out with sample_weight=0"
            )


def _idle(x: np.ndarray, sample: np.ndarray, names: Sequence[str]) -> Iterator[str]:
    """Constant columns and those that are made up of others.

    Dependence is looked for in a sample of the rows; all must agree.
    """
    if len(x) < 2:
        return
    constant = (x == x[0]).all(axis=0)
    if constant.any():
        found = [repr(n) for n, c in zip(names, constant, strict=True) if c]
        yield (
            f"constant in X: {', '.join(found)}; nothing can be learnt about what does not "
            "change: vary it or leave it out"
        )
    moving = np.flatnonzero(~constant)
    if len(sample) <= len(moving) + 1 or len(moving) > _MOST_COLUMNS:
        return
    for j, others in _dependent(_standardised(sample[:, moving])):
        if len(x) > len(sample):
            z = _standardised(x[:, moving[[*others, j]]])
            if not any(k == len(others) for k, _ in _dependent(z)):
                continue
        made_of = " and ".join(repr(names[moving[i]]) for i in others)
        yield (
            f"{names[moving[j]]!r} is a linear function of {made_of} in these data, which "
            "cannot tell them apart; leave it out, or vary it independently"
        )


def _standardised(x: np.ndarray) -> np.ndarray:
    x = x / np.maximum(np.abs(x).max(axis=0), 1e-300)
    x = x - x.mean(axis=0)
    return x / np.maximum(np.linalg.norm(x, axis=0), 1e-300)


def _dependent(z: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Columns that are made up of earlier ones, and of which."""
    free = [0]
    for j in range(1, z.shape[1]):
        weights = np.linalg.lstsq(z[:, free], z[:, j], rcond=1e-12)[0]
        if np.linalg.norm(z[:, free] @ weights - z[:, j]) <= _DEPENDENT:
            yield j, np.array(free)[np.abs(weights) > 1e-6]
        else:
            free.append(j)


def is_curved(model: Model) -> bool:
    """Whether the read-out is more than a linear function of the inputs."""
    live, edges = model.live_nodes(), model.live_edges()
    bends = any(not edge.primitive.straight for edge in edges)
    fed = [edge.target for edge in edges]
    return bends or any(model.products[k] and fed.count(k) > 1 for k in live)


def straight_is_as_good(problem: Problem, model: Model) -> bool:
    """By the criterion, which counts coefficients and edges of both."""
    with np.errstate(all="ignore"):
        if not 0 < constant_loss(problem) < np.inf:
            return False
        line = problem._replace(train_readout=False, train_bias=True)
        other = straight(line, model.objective)
        if n_coefficients(other, line) >= line.y.size:
            return False
        ours = judged(model, mean_loss(model, problem), problem)
        return judged(other, mean_loss(other, line), line) <= ours
