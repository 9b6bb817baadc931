"""Experimentalists of AutoRA: which conditions to observe next.

They need no more than this package; `discriminating_on_state` needs autora-core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .estimators.columns import require_numbers
from .estimators.theorists import known, theorists
from .estimators.validation import check_experiments
from .selection import experiments

__all__ = ["discriminating", "discriminating_on_state", "expected_information"]


def discriminating(
    conditions: Any,
    models: Sequence[Any],
    num_samples: int = 1,
    *,
    weights: Any = None,
    about: str = "equation",
    noise: Any = None,
    replace: bool = False,
    random_state: int = 0,
) -> Any:
    """The conditions at which observations tell most about which equation is right.

    At these conditions the probable equations differ most, compared with the noise. The
    measure is the mutual information between the equation and the next observations
    (Lindley 1956, Ann. Math. Stat. 27; Box & Hill 1967, Technometrics 9; Cavagnaro, Myung,
    Pitt & Kujala 2010, Neural Computation 22). The uncertainty of the coefficients is
    included: if other likely coefficients would make two predictions equal, their
    difference counts little.

    Several conditions are chosen one after the other; each is the one that tells most
    together with those chosen before (BatchBALD: Kirsch, van Amersfoort & Gal 2019). So two
    conditions that would tell the same are not chosen without need. If the coefficients are
    known, the set has at least 63 % of the information of the best set; if they are
    uncertain, there is no such guarantee (Nemhauser, Wolsey & Fisher 1978).

    If nothing can be learned about the equation, because there is only one, all agree
    everywhere or one has all the weight, the conditions that tell most about the
    coefficients are chosen.

    Parameters
    ----------
    conditions : DataFrame or array-like of shape (n, inputs)
        The pool from which conditions are chosen. Models that know names of columns find
        theirs by name, in any order.
    models : sequence of fitted regressors
        The theorists. A `DARTSRegressor` brings its own equations with their weights and
        uncertainties, and the noise that it has estimated; any other regressor, its
        prediction. A model that is in the sequence several times, such as an estimator that
        was fitted in every cycle, counts once. Equations with the same predictions count as
        one, with the sum of their weights.
    num_samples : int, default=1
        Number of conditions to choose.
    weights : array-like of shape (models,), "evidence" or None, default=None
        How probable it is that each theorist is right, up to a factor. None: equally.
        "evidence": exp(−criterion/2), as in `compare`, of the smallest criterion in
        ``equations_``; for a `DARTSRegressor` each, all fitted to the same observations.
    about : {"equation", "coefficients", "both"}, default="equation"
        What the observations are to tell: which equation is right, what the coefficients
        of the equations are (½ log(1 + their variance/noise), averaged by the weights:
        D-optimal for a single equation that is linear in them), or both, the sum of the
        two.
    noise : float, array-like of shape (outputs,) or None, default=None
        Standard deviation of an observation's error, in units of y. None: what each
        `DARTSRegressor` has estimated, and for other models the largest of these.
    replace : bool, default=False
        Whether a condition may be chosen several times. Each row stands for one
        observation otherwise. A small pool is worth repeating where the noise is large.
    random_state : int, default=0
        Seed of the outcomes by which several conditions are compared. Same value, same
        models: same conditions.

    Returns
    -------
    DataFrame or ndarray of shape (num_samples, inputs)
        Rows of the pool, the most informative first; of a DataFrame with its columns, and
        an index from 0.

    Raises
    ------
    ValueError
        If there are no models, one is a classifier, lacks its columns in the conditions or
        has other outputs; if conditions are missing, infinite or fewer than asked for; if
        an option is out of its range, or nothing is known of the noise.
    NotFittedError
        If a model is not fitted.

    Warns
    -----
    DomainWarning
        If an equation with a weight of 0.05 or more has no finite prediction at some
        conditions, which are not chosen. At other conditions an equation with less weight
        that has no finite prediction is ignored.

    Notes
    -----
    The information is that of all outputs together. They count as independent given the
    equation. Of a fit with groups the predictions are those for a group that is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from autora.skl.darts import DARTSRegressor
    >>> from autora.skl.darts.experimentalist import discriminating
    >>> X = np.array([[1.0], [2.0], [3.0], [5.0], [8.0]])
    >>> y = [0.81, 0.7, 0.53, 0.39, 0.18]
    >>> laws = ["exp(-k*x1)", "1/(1 + k*x1)"]
    >>> models = [DARTSRegressor.from_equation(law).fit(X, y) for law in laws]
    >>> discriminating(np.linspace(0, 20, 5).reshape(-1, 1), models)
    array([[15.]])
    """
    options = {"num_samples": num_samples, "replace": replace, "random_state": random_state}
    _check(options | {"weights": weights, "about": about, "noise": noise})
    pool = _pool(conditions)
    able, predictive = known(pool, theorists(models, weights), noise)
    if num_samples > len(able) and not replace:
        raise ValueError(
            f"num_samples={num_samples} is more than the {len(able)} conditions that can "
            "be chosen; give a larger pool, or replace=True to repeat some"
        )
    rows = able[experiments.chosen(predictive, num_samples, about, replace, random_state)]
    if hasattr(pool, "iloc"):
        return pool.iloc[rows].reset_index(drop=True)
    return pool[rows]


def expected_information(
    conditions: Any,
    models: Sequence[Any],
    *,
    weights: Any = None,
    about: str = "equation",
    noise: Any = None,
) -> np.ndarray:
    """How much one observation at each of the conditions is expected to tell.

    What `discriminating` compares; see there for errors and sources.

    Parameters
    ----------
    conditions : DataFrame or array-like of shape (n, inputs)
        Where an observation may be made.
    models, weights, about, noise
        As in `discriminating`.

    Returns
    -------
    ndarray of shape (n,)
        Information in nats, within 0.001 (0.01 of several outputs): 0 where an observation
        tells nothing, and about the equation never more than the entropy of the weights,
        ln 2 for two equal ones. NaN where an equation has no finite prediction.
    """
    _check({"weights": weights, "about": about, "noise": noise}, "expected_information")
    pool = _pool(conditions)
    able, predictive = known(pool, theorists(models, weights), noise)
    found = np.full(len(pool), np.nan)
    found[able] = experiments.gains(predictive, about)
    return found


def discriminating_on_state(state: Any, /, **options: Any) -> Any:
    """`discriminating` as a step of AutoRA's loop.

    The pool is ``state.conditions``, which the choice replaces, and the theorists are
    ``state.models``. Needs autora-core.

    Parameters
    ----------
    state : autora.state.State
        With the fields ``conditions`` and ``models``.
    **options
        Those of `discriminating`, such as ``num_samples``. ``models`` takes the place of
        those of the state, as ``models=state.models[-2:]`` where every cycle has appended
        two new ones.

    Returns
    -------
    State
        The same with other conditions.
    """
    from autora.state import on_state

    return on_state(discriminating, output=["conditions"])(state, **options)


def _check(options: dict[str, Any], function: str = "discriminating") -> None:
    check_experiments(options, function)
    noise = options["noise"]
    if noise is not None:
        sizes = np.asarray(noise, float)
        if sizes.ndim > 1 or not (np.isfinite(sizes) & (sizes > 0)).all():
            raise ValueError(
                f"noise must be a positive number, or one for each output, got {noise!r}"
            )


def _pool(conditions: Any) -> Any:
    """The conditions as a DataFrame or an array, all of them numbers."""
    pool = conditions if hasattr(conditions, "iloc") else np.asarray(conditions)
    if pool.ndim != 2 or not pool.size:
        raise ValueError(
            f"conditions must have rows and columns, got shape {pool.shape}; write a "
            "single condition per row as conditions.reshape(-1, 1)"
        )
    require_numbers("conditions", pool)
    labels = list(getattr(pool, "columns", range(pool.shape[1])))
    for i, label in enumerate(labels):
        column = pool.iloc[:, i] if hasattr(pool, "iloc") else pool[:, i]
        bad = ~np.isfinite(np.asarray(column, float))
        if bad.any():
            raise ValueError(
                f"column {label!r} of conditions is missing or infinite in {bad.sum()} of "
                f"{len(pool)} rows (first: row {np.argmax(bad)}); leave these rows out"
            )
    return pool
