"""The forms in which a model's equation may be written, checked against the model.

Algebra in double precision can go wrong: numbers cancel, exponentials overflow. A form
whose values differ from those of the model on the rows that it was fitted to is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..graph.effects import Place
from ..graph.elementary import NUMPY
from ..graph.model import Model
from ..runtime.messages import warn
from .group_symbols import rows_of_groups
from .printing import text, with_known_numbers
from .simplification import factored, simplified, values, without_traces
from .symbolic import (
    LINE_DECIMALS,
    NONE,
    assignments,
    edge_expression,
    equations,
    expressions,
    link_text,
    named,
    starts_of,
    substituted,
    symbols,
)

#: Largest difference from predictions, as a share of them and of their largest.
_AGREEMENT = 1e-9
#: Numbers below are looked at as what is left of terms that cancel.
_TRACE = 1e-13
#: Characters of an equation beyond which it is written node by node.
_LONGEST = 240
#: Between which values inputs are taken to lie where that is not known.
_UNKNOWN = [[-2.0], [2.0]]
#: Equations in one line, by names and points.
_TEXTS: WeakKeyDictionary[Model, dict[tuple[Any, ...], str]] = WeakKeyDictionary()
#: Rows that a fitted estimator keeps to check its equations with.
_MOST_ROWS = 64


def rows_to_check(x: np.ndarray) -> np.ndarray:
    """Some rows of the data (n, inputs): evenly spaced ones and those at the edges."""
    ends = np.concatenate([x.argmin(axis=0), x.argmax(axis=0)])[: _MOST_ROWS // 2]
    even = np.linspace(0, len(x) - 1, min(len(x), _MOST_ROWS)).astype(int)
    return x[np.unique(np.concatenate([ends, even]))[: _MOST_ROWS + len(ends)]]


def points_between(ranges: np.ndarray | None, n_inputs: int) -> np.ndarray:
    """Points between the least and largest inputs (2, inputs) of the data, where known."""
    low, high = np.broadcast_to(_UNKNOWN, (2, n_inputs)) if ranges is None else ranges
    inside = np.random.default_rng(0).uniform(low, high, (_MOST_ROWS, n_inputs))
    return np.vstack([low, high, inside])


def checked(
    model: Model,
    input_names: Sequence[str],
    points: np.ndarray,
    simplify: bool,
    own: Mapping[Place, Any] = NONE,
) -> list[Any]:
    """The outputs as expressions in the inputs: 2.0 is 2, and what was rounded to π is π.

    Inputs are counted from the model's origin (see `symbolic.from_origin`). Every form has
    the model's values at the points (n, inputs); to simplify is to prefer a shorter one.
    ``own`` are symbols in the place of coefficients that differ between groups.

    Raises
    ------
    ValueError
        If the equation is too long without its latent nodes.
    """
    plain = expressions(model, input_names, own)
    forms = partial(_forms, simplify=simplify)
    found = _first_right(model, input_names, points, plain, forms, True, own)
    if any(form is None for form in found):
        warn(
            "in double precision the equation differs from the predictions of the "
            "model, as its numbers cancel or overflow; use predict() or python()",
            UserWarning,
        )
    pairs = zip(found, plain, strict=True)
    return [expression if form is None else form for form, expression in pairs]


def _forms(plain: Any, steady: Any, simplify: bool) -> Iterator[Any]:
    trimmed = without_traces(plain, _TRACE)
    if simplify:
        yield with_known_numbers(simplified(trimmed))
    if trimmed != plain:
        yield with_known_numbers(trimmed)
    yield with_known_numbers(plain)
    yield plain
    if steady != plain:
        yield with_known_numbers(steady)


def _first_right(
    model: Model,
    input_names: Sequence[str],
    points: np.ndarray,
    plain: Sequence[Any],
    forms: Callable[[Any, Any], Iterator[Any]],
    link: bool,
    own: Mapping[Place, Any],
) -> list[Any]:
    """Of every output the first form that has the model's values, or None.

    ``forms`` are made of a plain expression and of one that is steady far from zero.
    """
    steady = substituted(model, input_names, link=link, steady=True, own=own) or plain
    inputs, counted = symbols(input_names), points - model.origin
    if own:
        points = rows_of_groups(model, points)
        known = model.columns_of(points)[1]
        inputs = [*inputs, *own.values()]
        counted = np.column_stack([counted, *(known[place] for place in own)])
    expected = model.predict(points) if link else model.eta(points)
    outputs = zip(plain, steady, expected.T, strict=True)
    return [
        next((e for e in forms(*pair) if agrees(e, inputs, counted, right)), None)
        for *pair, right in outputs
    ]


def agrees(
    expression: Any, inputs: Sequence[Any], points: np.ndarray, expected: np.ndarray
) -> bool:
    """Whether the expression has the expected values wherever these are finite."""
    import sympy

    finite = np.isfinite(expected)
    if not finite.any():
        return True
    if expression.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        return False
    try:
        found = values([expression], inputs, points)[finite, 0]
    except (TypeError, ValueError, OverflowError):  # numbers beyond double precision
        return False
    expected = expected[finite]
    allowed = _AGREEMENT * (np.abs(expected) + np.abs(expected).max(initial=0.0)) / 2
    with np.errstate(invalid="ignore"):
        return bool((np.abs(found - expected) <= allowed).all())


def headline(
    model: Model,
    input_names: Sequence[str],
    output_names: Sequence[str],
    points: np.ndarray,
    function: str,
    decimals: int,
    output_format: str,
    latent_nodes: bool | str,
    own: Mapping[Place, Any] = NONE,
) -> list[str]:
    """The equations of a model in lines; see `EquationMixin.model_repr`.

    ``own`` are symbols in the place of coefficients that differ between groups.
    """
    arguments = (function, decimals, output_format)
    if latent_nodes is not True:
        flat = _flat(model, input_names, points, decimals, output_format, own)
        if flat is None and latent_nodes is False:
            expressions(model, input_names, own)  # says why where it is too long
            raise ValueError(
                "latent_nodes=False: without them the equation differs from the model in "
                "double precision, as its numbers cancel or overflow; leave it at 'auto'"
            )
        short = flat is not None and max(map(len, flat)) <= _LONGEST
        if flat is not None and (short or latent_nodes is False):
            targets = named(output_names, function, output_format)
            return assignments(model, targets, flat, output_format)
    steady = not _is_steady(model, points)
    return equations(model, input_names, output_names, *arguments, steady, own)


def _is_steady(model: Model, points: np.ndarray) -> bool:
    """Whether every edge, written plainly, has its values at the points."""
    (symbol,) = symbols(["x"])
    with np.errstate(all="ignore"):
        nodes = model.evaluate(NUMPY, list(points.T), np.zeros(len(points)))
        sources = [*(points - model.origin).T, *nodes]
        for edge in model.edges():
            source = sources[edge.source]
            expected = np.asarray(edge.primitive(NUMPY, source, *edge.coefs), float)
            finite = np.isfinite(source) & np.isfinite(expected)
            plain = edge_expression(edge, symbol)
            if not agrees(plain, [symbol], source[finite, None], expected[finite]):
                return False
    return True


def in_one_line(
    model: Model,
    input_names: Sequence[str],
    output_names: Sequence[str],
    points: np.ndarray,
) -> str:
    """The right-hand sides, separated by semicolons; with latent nodes where long.

    The texts are kept as long as the model is: a notebook asks for a table several times.
    """
    known = _TEXTS.setdefault(model, {})
    key = (*input_names, None, *output_names, points.tobytes())
    if key not in known:
        known[key] = _in_one_line(model, input_names, output_names, points)
    return known[key]


def _in_one_line(
    model: Model,
    input_names: Sequence[str],
    output_names: Sequence[str],
    points: np.ndarray,
) -> str:
    flat = _flat(model, input_names, points, LINE_DECIMALS, "console")
    if flat is None or max(map(len, flat)) > _LONGEST:
        lines = equations(model, input_names, output_names, decimals=LINE_DECIMALS)
        return "; ".join(lines)
    return "; ".join(link_text(model, eta, "console") for eta in flat)


def in_lines(
    model: Model,
    input_names: Sequence[str],
    output_names: Sequence[str],
    points: np.ndarray,
) -> list[str]:
    """The same with every output on a line of its own, behind its name."""
    flat = _flat(model, input_names, points, LINE_DECIMALS, "console")
    if flat is None or max(map(len, flat)) > _LONGEST:
        return equations(model, input_names, output_names, decimals=LINE_DECIMALS)
    return assignments(model, named(output_names, "", "console"), flat, "console")


def _flat(
    model: Model,
    input_names: Sequence[str],
    points: np.ndarray,
    decimals: int,
    output_format: str,
    own: Mapping[Place, Any] = NONE,
) -> list[str] | None:
    """The shortest text of every read-out; None where one is too long or none is right."""
    plain = substituted(model, input_names, link=False, own=own)
    if plain is None:
        return None
    starts = starts_of(model, input_names)

    def shown(form: Any) -> str:
        return text(form, decimals, output_format, starts)

    forms = partial(_shortest_first, shown=shown)
    found = _first_right(model, input_names, points, plain, forms, False, own)
    return None if any(form is None for form in found) else [*map(shown, found)]


def _shortest_first(plain: Any, steady: Any, shown: Callable[[Any], str]) -> Iterator[Any]:
    trimmed = without_traces(plain, _TRACE)
    short = simplified(trimmed)
    forms = dict.fromkeys((short, factored(short), factored(trimmed), trimmed, plain))
    yield from sorted(forms, key=lambda form: len(shown(form)))
    yield with_known_numbers(steady)
