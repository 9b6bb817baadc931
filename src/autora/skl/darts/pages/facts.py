"""What a page says of a fitted estimator: equation, table, coefficients, errors."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any, NamedTuple

import numpy as np
from sklearn import config_context

from ..equations.mathml import mathml
from ..plotting.display import FitData

#: Coefficients that a page lists.
_MOST_COEFFICIENTS = 200
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "jax", "numba", "sympy")


def typeset(estimator: Any, decimals: int) -> list[str]:
    """The lines of the equation as MathML."""
    plain = copy.copy(estimator)
    plain._units = None  # their lines are LaTeX of siunitx; tables have the units
    text = plain.model_repr(decimals_to_display=decimals, output_format="latex")
    return [mathml(line, block=True) for line in text.splitlines()[1:]]


class Column(NamedTuple):
    """A column of the data."""

    name: str
    unit: str = ""  #: "" where it is not known, or of a number
    used: bool = True  #: whether it stands in the equation


def columns(estimator: Any) -> tuple[list[Column], list[Column]]:
    """Inputs and outputs with their units."""
    inputs = estimator._labels("input_labels")
    outputs = estimator._labels("output_labels")
    units = [""] * (len(inputs) + len(outputs))
    if estimator._units is not None:
        names, _ = estimator._names()
        found = estimator._units.of_columns([*names, *outputs])
        units = [*found[: len(inputs)], *found[len(names) :]]
    used = estimator._used_inputs()
    pairs = zip([*inputs, *outputs], units, strict=True)
    known = [Column(n, u, i in used) for i, (n, u) in enumerate(pairs)]
    return known[: len(inputs)], [c._replace(used=True) for c in known[len(inputs) :]]


class Score(NamedTuple):
    """How well the rows are explained: a name and what it is."""

    name: str
    value: float

    @property
    def text(self) -> str:
        """With few digits; what is not quite 1 is not said to be 1."""
        if 0.9995 <= self.value < 1:
            return f"1 − {1 - self.value:.1e}".replace("e-0", "e-")
        return f"{self.value:.4g}"


def scores(data: FitData) -> list[Score]:
    """R² and root mean square error of every output, or accuracy and logarithmic loss."""
    from sklearn.metrics import log_loss, r2_score, root_mean_squared_error

    truth, found = data.y_true, data.y_pred
    if data.classes:
        two = truth.shape[1] == 1
        truth, found = (np.hstack([1 - p, p]) if two else p for p in (truth, found))
        right = (truth.argmax(axis=1) == found.argmax(axis=1)).mean()
        clipped = np.clip(found, 1e-15, 1)
        loss = log_loss(truth, clipped / clipped.sum(axis=1, keepdims=True))
        return [Score("accuracy", float(right)), Score("logarithmic loss", float(loss))]
    result = []
    for q, name in enumerate(data.outputs):
        of = f" of {name}" if len(data.outputs) > 1 else ""
        pair = truth[:, q], found[:, q]
        result.append(Score(f"R²{of}", float(r2_score(*pair))))
        error = float(root_mean_squared_error(*pair))
        result.append(Score(f"root mean square error{of}", error))
    return result


def coefficients(estimator: Any) -> tuple[list[dict[str, str]], int]:
    """Rows of ``coefficients_`` as text, and how many more there are."""
    table = estimator.coefficients_
    rows = [
        {
            "group": "" if row.get("group") is None else str(row["group"]),
            "term": row["term"],
            "value": f"{row['coefficient']:.6g}",
            "error": _error(row["standard_error"]),
            "unit": row.get("unit", ""),
        }
        for row in table.head(_MOST_COEFFICIENTS).to_dict("records")
    ]
    return rows, len(table) - len(rows)


def _error(value: float) -> str:
    if value == 0:
        return "exact"
    if math.isnan(value):
        return "not known"
    return "not determined" if math.isinf(value) else f"{value:.2g}"


def versions() -> list[tuple[str, str]]:
    """Of this package, of Python and of libraries."""
    found = [
        ("autora-skl-darts", _version("autora-skl-darts")),
        ("Python", python_version()),
    ]
    return found + [(name, _version(name)) for name in _LIBRARIES]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def constructor(estimator: Any) -> str:
    """The estimator with the parameters that differ from their defaults."""
    with config_context(print_changed_only=True):
        return str(estimator.__repr__(N_CHAR_MAX=100_000))


def title(estimator: Any, outputs: Sequence[Column]) -> str:
    """What a page is about."""
    if hasattr(estimator, "classes_"):
        return f"Equations of the classes {', '.join(map(str, estimator.classes_))}"
    names = ", ".join(column.name for column in outputs)
    return f"Equation{'s' * (len(outputs) > 1)} of {names}"
