"""Waves that are others in disguise: phases within half a turn, the lowest frequencies.

A phase of −17.28 is one of 1.57 that went around three times.

On equidistant values a wave of 618.9·x may pass through the very points of one of 6.28·x.
No fit can tell such aliases apart; whoever reads the equation between the points can. So a
frequency above what the grid resolves (Nyquist's, half a turn per step) becomes the one
below it that has the same values on all rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..graph.model import Edge, Model
from .coefficients import places, refitted
from .problem import Problem, mean_loss

#: Largest distance from a grid, in steps, that is rounding.
_ROUNDING = 1e-6
#: A lower frequency may fit worse by this share of the loss and of y's square.
_WORSE, _NOTHING = 1e-6, 1e-18


def grid(values: np.ndarray) -> tuple[float, float] | None:
    """First value and step of a grid on which all values lie, else None.

    Values may be missing from it or occur more than once; fewer than three lie on any.
    """
    distinct = np.unique(values)
    if len(distinct) < 3:
        return None
    step = float(np.diff(distinct).min())
    places = (distinct - distinct[0]) / step
    off = np.abs(places - np.round(places)).max()
    return (float(distinct[0]), step) if off <= _ROUNDING * len(distinct) else None


def with_lowest_frequencies(problem: Problem, model: Model) -> Model:
    """The model with the lowest frequencies and phases that fit the rows as well."""
    model = _with_small_phases(problem, model)
    for edge in model.edges():
        wave = edge.primitive.plain.period is not None
        if not wave or edge.primitive.argument not in ("scaled", "linear"):
            continue
        if edge.source < model.space.n_inputs:
            model = _with_lower(problem, model, edge)
    return model


def _with_small_phases(problem: Problem, model: Model) -> Model:
    coefs = model.edge.copy()
    for edge in model.edges():
        primitive = edge.primitive
        period = primitive.plain.period
        if period is not None and "shift" in primitive.params:
            place = edge.index, primitive.params.index("shift")
            coefs[place] = _within_half_a_turn(coefs[place], period)
    if np.array_equal(coefs, model.edge):
        return model
    wrapped = model.replace(edge=coefs)
    return wrapped if _as_good(problem, wrapped, model) else model


def _within_half_a_turn(phase: float, period: float) -> float:
    return phase - period * np.round(phase / period)


def _as_good(problem: Problem, model: Model, other: Model) -> bool:
    """Whether a model loses no more than rounding does to another one."""
    allowed = mean_loss(other, problem) * (1 + _WORSE)
    allowed += _NOTHING * float(np.mean(problem.y**2))
    return mean_loss(model, problem) <= allowed


def _with_lower(problem: Problem, model: Model, edge: Edge) -> Model:
    found, period = grid(problem.x[:, edge.source]), edge.primitive.plain.period
    if found is None or period is None:
        return model
    first, step = found
    slope, *shift = edge.coefs
    turn = period / step
    turns = np.round(slope / turn)
    if not np.isfinite(turns) or turns == 0:
        return model
    coefs = model.edge.copy()
    coefs[edge.index, 0] = slope - turns * turn
    if shift:
        coefs[edge.index, 1] = _within_half_a_turn(shift[0] + turns * turn * first, period)
    for lower in _signs(problem, model.replace(edge=coefs), edge):
        if _as_good(problem, lower, model):
            return lower
    return model


def _signs(problem: Problem, lower: Model, edge: Edge) -> Iterator[Model]:
    """The lower wave as it is and, where half a turn is left of the phase, its opposite."""
    yield lower
    coefs = lower.edge.copy()
    coefs[edge.index, 0] *= -1
    yield lower.replace(edge=coefs)
    if lower.objective.least_squares:
        yield refitted(problem, lower, places(lower, problem))
