"""Rows of a table of equations as a page that computes has them: source, gaps, files."""

from __future__ import annotations

import copy
import json
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..equations.javascript_source import function_javascript
from ..equations.open_form import open_form
from ..estimators.equation_table import likely
from ..fitting.coefficients import term
from ..graph.effects import Place
from ..runtime.messages import warn
from . import facts

#: Groups whose coefficients a page has.
MOST_GROUPS = 200
#: Characters of a JSON value beyond which its members are looked at one by one.
_SMALL = 120


def row_estimators(estimator: Any) -> tuple[list[int], list[Any]]:
    """Labels of the likely rows, and an estimator with each of them as its model.

    A model that is not in the table, as an architecture that was drawn, comes first,
    labelled −1.
    """
    labels = [int(label) for label in likely(estimator.equations_)[0].index]
    selected = estimator.selected_
    found = [
        estimator if i == selected else copy.copy(estimator).select_equation(i)
        for i in labels
    ]
    if selected is None:
        return [-1, *labels], [estimator, *found]
    return labels, found


def open_places(estimator: Any) -> list[Place]:
    """The coefficients that a page may change.

    Whole exponents are not among them: |x|^a is x^a there, which is another function.
    """
    model = estimator.model_
    used = {edge.index for edge in model.live_edges()}
    found = []
    for place, value, _ in estimator._errors:
        if place.kind == "edge" and place.row not in used:
            continue
        if (
            place.kind == "edge"
            and float(value).is_integer()
            and _is_exponent(model, place)
        ):
            continue
        found.append(place)
    return found


def _is_exponent(model: Any, place: Place) -> bool:
    primitive = model.space.primitives[model.architecture[place.row]]
    return primitive.params[place.column] == "exponent"


def row_record(estimator: Any, label: int, row: Any, decimals: int) -> dict[str, Any]:
    """What a page knows of the equation of an estimator, as plain data for JSON.

    ``row`` is that of ``equations_``, or None where the equation is none of them.
    """
    model, names = estimator.model_, estimator._names()
    where = open_places(estimator)
    errors = {place: error for place, _, error in estimator._errors}
    units = [""] * len(where)
    if estimator._units is not None and estimator._form is None:
        units = estimator._units.of_coefficients(model, where, *names)
    gaps = open_form(model, where, names, estimator._points(), decimals)
    return {
        "label": label,
        "typeset": facts.typeset(estimator, decimals),
        "gaps": gaps,
        "coefficients": [
            {
                "term": term(model, place, *names),
                "value": float(getattr(model, place.kind)[place.at]),
                "error": finite(errors[place]),
                "unit": unit,
            }
            for place, unit in zip(where, units, strict=True)
        ],
        "groups": of_groups(model, where),
        "used": sorted(i for i in estimator._used_inputs() if i < estimator.n_features_in_),
        **_numbers(row),
    }


def _numbers(row: Any) -> dict[str, Any]:
    names = ("complexity", "loss", "criterion", "weight")
    if row is None:
        return {
            **dict.fromkeys(names),
            "equation": "another equation, which is not in the table",
        }
    found = {name: finite(row[name]) for name in names}
    return {**found, "equation": str(row["equation"])}


def of_groups(model: Any, where: Sequence[Place]) -> dict[str, list[float]] | None:
    """Values of every group, by the number of the coefficient; None without groups."""
    if model.effects is None:
        return None
    columns = dict(zip(model.effects.places, model.effects.values.T, strict=True))
    return {
        str(i): columns[place][:MOST_GROUPS].tolist()
        for i, place in enumerate(where)
        if place in columns
    }


def source(estimator: Any) -> str:
    """The equation of an estimator as a JavaScript function."""
    first = estimator.n_features_in_
    fixed = {first + i: known.value for i, known in enumerate(estimator._physical)}
    model = estimator.model_
    if hasattr(estimator, "classes_"):  # it has log-odds, a page shows probabilities
        model = model.replace(objective=estimator.network_.objective)
    return function_javascript(model, open_places(estimator), fixed)


def finite(value: Any) -> float | None:
    """A number that JSON has, or None."""
    number = float(value)
    return number if math.isfinite(number) else None


def files(estimators: Sequence[Any]) -> dict[str, Any]:
    """The model files of all rows in little room: what they share is there once.

    Returns
    -------
    dict
        ``files``, the number in ``pool`` of every row's document, and ``pool``. A member of
        the pool is the text of a JSON value, or a list of numbers of members, which begins
        with "[" for a list, and with "{" for an object, whose names stand between them.
    """
    pool: dict[str, int] = {}
    members: list[Any] = []

    def number(value: Any) -> int:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if text not in pool:
            member: Any = text
            if len(text) > _SMALL and isinstance(value, list):
                member = ["[", *map(number, value)]
            elif len(text) > _SMALL and isinstance(value, dict):
                pairs = ((name, number(part)) for name, part in value.items())
                member = ["{", *(half for pair in pairs for half in pair)]
            pool[text] = len(members)
            members.append(member)
        return pool[text]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [number(json.loads(estimator.to_json())) for estimator in estimators]
    for said in {str(one.message): one for one in caught}.values():  # once, not per row
        warn(str(said.message), said.category)
    return {"pool": members, "files": found}


def thinned(count: int, most: int) -> np.ndarray:
    """Numbers of at most so many of the rows, drawn at random, in their order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))
