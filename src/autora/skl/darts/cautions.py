"""What a user should know about the data or the result, each with its remedy."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .baselines import straight
from .criteria import constant_loss, judged, n_coefficients
from .model import Model
from .objectives import Objective
from .refit import HUGE, Problem
from .selection import Row
from .table import mean_loss, thinned

#: Rows that a comparison looks at.
_MOST_ROWS = 2000
#: Columns beyond which dependence among them is not looked for.
_MOST_COLUMNS = 100
#: Share of a column's spread that the others may leave unexplained and still make it up.
_DEPENDENT = 1e-9
_STEPS = 50


class DataWarning(UserWarning):
    """The data cannot carry what was asked of them."""


class DomainWarning(UserWarning):
    """The equation is undefined where it was asked."""


def about_data(
    problem: Problem, inputs: Sequence[str], outputs: Sequence[str], stacklevel: int
) -> None:
    """Warn of columns from which nothing can be learnt, by name, before the search."""
    sample = thinned(problem, _MOST_ROWS, np.random.default_rng(0)).x
    for message in (
        *_out_of_reach(problem, [*inputs, *outputs]),
        *_idle(problem.x, sample, inputs),
    ):
        warnings.warn(message, DataWarning, stacklevel=stacklevel + 1)


def about_unused(params: dict[str, Any], objective: Objective, stacklevel: int) -> None:
    """Of parameters that an output type has no use for."""
    unused = ["tolerance"] if objective.likelihood else []
    unused += [] if objective.least_squares else ["round_coefficients"]
    for name in unused:
        if params[name] != "auto":
            warnings.warn(
                f"{name}={params[name]!r} is not used with output_type="
                f"{objective.name!r}; leave it at 'auto'",
                UserWarning,
                stacklevel=stacklevel + 1,
            )


def about_model(
    problem: Problem,
    model: Model,
    rows: Sequence[Row],
    outputs: Sequence[str],
    stacklevel: int,
) -> None:
    """Warn of a model that says more than the data do, or nothing."""
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
    warnings.warn(message, DataWarning, stacklevel=stacklevel + 1)


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
    live = model.live_nodes()
    edges = [edge for edge in model.edges() if edge.target in live]
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
