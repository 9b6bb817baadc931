"""A page to play with: choose a row, move coefficients and inputs, see the curve."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..equations.javascript_source import helpers
from ..plotting.display import FitData, fitted_darts
from ..runtime.files import write
from . import facts, rows
from .html import digest, file_text, rendered
from .report import require_both

#: Rows of the data that a page has.
MOST_ROWS = 2000
#: Range of an input of which nothing is known.
_UNKNOWN_RANGE = (-1.0, 1.0)


def write_explorer(
    estimator: Any,
    path: str | os.PathLike[str],
    X: Any = None,
    y: Any = None,
    *,
    groups: Any = None,
    decimals_to_display: int = 2,
) -> None:
    """Write a page to play with: one HTML file, to be opened in any browser.

    It shows the equations by complexity and loss. A click chooses one; sliders move its
    coefficients and the inputs, and the curve, the errors and the equation follow. A button
    saves the model file of the chosen row, with its fitted coefficients. All is computed in
    the page, which holds at most 2000 of the rows, drawn at random, loads nothing and sends
    nothing.

    Parameters
    ----------
    estimator : DARTSRegressor or DARTSClassifier
        Fitted.
    path : str or path
        An earlier file of that name is replaced.
    X : array-like or DataFrame of shape (n, inputs), default=None
        Rows to draw, as a rule those of the fit. Without them there is the curve alone.
    y : array-like of shape (n,) or (n, outputs), default=None
        Needed with ``X``.
    groups : array-like of shape (n,), default=None
        The groups of the rows, if the fit had groups. The page has the first 200 groups.
    decimals_to_display : int, default=2
        Rounding in the equations as they were fitted.

    Raises
    ------
    TypeError
        If it is no estimator of this package.
    ValueError
        If one of X and y is missing, the formula of a primitive that you registered is
        more than arithmetic and functions of its ``m``, or the estimator cannot be stored.
    OSError
        If the file cannot be written; an earlier one stays as it was.
    """
    fitted_darts(estimator)
    require_both(X, y)
    labels, estimators = rows.row_estimators(estimator)
    table = estimator.equations_
    pairs = list(zip(labels, estimators, strict=True))
    inputs, outputs = facts.columns(estimator)
    page = {
        "rows": [
            rows.row_record(
                row, label, None if label < 0 else table.loc[label], decimals_to_display
            )
            for label, row in pairs
        ],
        "chosen": next(i for i, (_, row) in enumerate(pairs) if row is estimator),
        "unlikely": len(table) - sum(label >= 0 for label in labels),
        "groups": _group_names(estimator),
        "groupCount": len(getattr(estimator, "groups_", [])),
        "inputs": [{"name": c.name, "unit": c.unit} for c in inputs],
        "outputs": _outputs(estimator, outputs),
        "classes": hasattr(estimator, "classes_"),
        "models": rows.files(estimators),
        "data": None,
    }
    _add_data(page, estimator, X, y, groups)
    script = _script(estimators)
    text = rendered(
        "explorer.html",
        title=facts.title(estimator, outputs),
        style=file_text("page.css") + file_text("explorer.css"),
        script=script,
        digest=digest(script),
        page=page,
    )
    write(path, text)


def _script(estimators: list[Any]) -> str:
    """All that runs in the page; no name of a column stands in it."""
    equations = ",\n".join(rows.source(estimator) for estimator in estimators)
    parts = (
        '"use strict";',
        helpers(),
        f"const EQUATIONS = [\n{equations}\n];",
        file_text("computing.js"),
        file_text("explorer.js"),
    )
    return "\n" + "\n".join(parts)


def _outputs(estimator: Any, outputs: list[facts.Column]) -> list[dict[str, str]]:
    """What the functions of the page return."""
    if not hasattr(estimator, "classes_"):
        return [{"name": c.name, "unit": c.unit} for c in outputs]
    classes = [str(label) for label in estimator.classes_]
    shown = classes[1:] if len(classes) == 2 else classes  # of two one says it all
    return [{"name": f"P({name})", "unit": ""} for name in shown]


def _group_names(estimator: Any) -> list[str]:
    labels = getattr(estimator, "groups_", ())
    return [str(label) for label in labels[: rows.MOST_GROUPS]]


def _add_data(page: dict[str, Any], estimator: Any, X: Any, y: Any, groups: Any) -> None:
    """Rows of the data, errors on all of them, and the ranges of inputs."""
    known = getattr(estimator, "_input_ranges", None)
    count = estimator.n_features_in_
    if known is None:
        known = np.tile(_UNKNOWN_RANGE, (count, 1)).T
    low, high = known[0, :count], known[1, :count]
    middle = (low + high) / 2
    if X is not None:
        data = FitData(estimator, X, y, None, groups)
        some = rows.thinned(len(data.X), MOST_ROWS)
        low, high = data.X.min(axis=0), data.X.max(axis=0)
        middle = np.median(data.X, axis=0)
        numbers = None
        if groups is not None:
            numbers = estimator._numbered(data.X, groups)[some, -1].astype(int).tolist()
        page["data"] = {
            "x": data.X[some].tolist(),
            "y": data.y_true[some].tolist(),
            "group": numbers,
            "total": len(data.X),
            "scores": [{"name": s.name, "text": s.text} for s in facts.scores(data)],
        }
    parts = zip(page["inputs"], low, high, middle, strict=True)
    for column, least, most, usual in parts:
        column |= {"low": float(least), "high": float(most), "middle": float(usual)}
