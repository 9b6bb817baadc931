"""A report that a person can send: what was found, how good it is, and how it was made."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np

from ..estimators.equation_table import as_text, likely
from ..plotting.display import FitData, fitted_darts
from ..runtime.files import write
from . import facts
from .html import figure_svg, file_text, inline_svg, rendered
from .pictures import displays

#: What is said of the pictures.
_CAPTIONS = {
    "fit": "Data and equation",
    "residuals": "Residuals: observed − predicted, and their distribution",
    "confusion": "Classes: observed and predicted",
    "groups": "Groups",
    "coefficients": "Coefficients of the groups",
    "graph": "The equation as a graph: what arrows bring is added up, or multiplied where "
    "a node says ×",
}


def write_report(
    estimator: Any,
    path: str | os.PathLike[str],
    X: Any = None,
    y: Any = None,
    *,
    groups: Any = None,
    warnings_of_fit: Sequence[str] | None = None,
    command: str | None = None,
    decimals_to_display: int = 2,
) -> None:
    """Write a report of a fitted estimator: one HTML file, to be read in any browser.

    It has the equation, its errors, the table of equations, the coefficients, pictures of
    the fit, the graph, warnings, versions, and how it was made. It loads nothing from
    elsewhere and runs no script. It contains the data of its pictures.

    Parameters
    ----------
    estimator : DARTSRegressor or DARTSClassifier
        Fitted.
    path : str or path
        An earlier file of that name is replaced.
    X : array-like or DataFrame of shape (n, inputs), default=None
        Rows to compare the equation with, as a rule those of the fit. Without them there
        are no errors of their own and no pictures of data.
    y : array-like of shape (n,) or (n, outputs), default=None
        Needed with ``X``.
    groups : array-like of shape (n,), default=None
        The groups of the rows, if the fit had groups; with None the coefficients of the
        population predict.
    warnings_of_fit : sequence of str, default=None
        What the fit warned of, which an estimator does not keep. With None the report says
        that it is not known.
    command : str, default=None
        The command that made the report.
    decimals_to_display : int, default=2
        Rounding in the equation.

    Raises
    ------
    TypeError
        If it is no estimator of this package.
    ValueError
        If one of X and y is missing.
    OSError
        If the file cannot be written; an earlier one stays as it was.
    """
    fitted_darts(estimator)
    require_both(X, y)
    with _recorded() as said:
        page = _page(estimator, X, y, groups, decimals_to_display)
    text = rendered(
        "report.html",
        **page,
        style=file_text("page.css"),
        warnings_of_fit=warnings_of_fit,
        warnings_of_rows=list(dict.fromkeys(said)),
        command=command,
        constructor=facts.constructor(estimator),
        versions=facts.versions(),
        date=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    )
    write(path, text)


def require_both(X: Any, y: Any) -> None:
    """Raise a ValueError unless rows have both inputs and outputs, or there are none."""
    if (X is None) != (y is None):
        missing, given = ("y", "X") if y is None else ("X", "y")
        raise ValueError(f"{given} is given without {missing}; give both, or neither")


@contextmanager
def _recorded() -> Iterator[list[str]]:
    """The texts of what is warned of within the block, in their order."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
        said += [
            str(one.message)
            for one in caught
            if not issubclass(one.category, DeprecationWarning | FutureWarning)
        ]


def _page(estimator: Any, X: Any, y: Any, groups: Any, decimals: int) -> dict[str, Any]:
    inputs, outputs = facts.columns(estimator)
    whole = estimator.equations_
    table = likely(whole)[0]
    coefficients, more = facts.coefficients(estimator)
    text = estimator.model_repr(decimals_to_display=decimals)
    selected = estimator.selected_
    page: dict[str, Any] = {
        "title": facts.title(estimator, outputs),
        "equation": facts.typeset(estimator, decimals),
        "equation_text": text.removeprefix("Model:\n"),
        "inputs": inputs,
        "outputs": outputs,
        "table": _rows(table),
        "unlikely": len(whole) - len(table),
        "chosen": None if selected is None else _chosen(whole.loc[selected]),
        "coefficients": coefficients,
        "more_coefficients": more,
        "rows": None,
        "scores": [],
        "pictures": _pictures(estimator, X, y, groups),
        "kind": type(estimator).__name__,
    }
    if X is not None:
        data = FitData(estimator, X, y, None, groups)
        page |= {"rows": len(data.X), "scores": facts.scores(data)}
    return page


def _chosen(row: Any) -> dict[str, Any]:
    return row.to_dict() | {"weight": as_text("weight", row["weight"])}


def _rows(table: Any) -> list[dict[str, Any]]:
    """The rows of a table of equations as text."""
    numbers = "complexity", "loss", "criterion", "weight"
    return [
        {
            "label": label,
            "selected": bool(row["selected"]),
            **{name: as_text(name, row[name]) for name in numbers},
            "equation": row["equation"],
        }
        for label, row in table.iterrows()
    ]


def _pictures(estimator: Any, X: Any, y: Any, groups: Any) -> list[dict[str, Any]]:
    """Captions and drawings; one that fails does not keep the others away."""
    found = []
    with _recorded():  # what they warn of has been said of the rows
        drawings = {} if X is None else displays(estimator, _shaped(X), y, groups)
        named = {name: _figure(draw, name) for name, draw in drawings.items()}
        named["graph"] = _graph(estimator)
    for name, (drawing, problem) in named.items():
        found.append({"caption": _CAPTIONS[name], "svg": drawing, "problem": problem})
    return found


def _shaped(X: Any) -> Any:
    """X as something that has a shape."""
    return X if hasattr(X, "shape") else np.asarray(X)


def _figure(draw: Any, name: str) -> tuple[Any, str]:
    import matplotlib.pyplot as plt

    try:
        display = draw()
        try:
            return figure_svg(display.figure_, name), ""
        finally:
            plt.close(display.figure_)
    except Exception as error:
        return None, str(error)


def _graph(estimator: Any) -> tuple[Any, str]:
    try:
        drawn = estimator.visualize_model().pipe("svg").decode("utf-8")
        return inline_svg(drawn, "graph"), ""
    except Exception as error:
        return None, str(error)
