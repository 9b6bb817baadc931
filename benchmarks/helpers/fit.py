"""What a system found, and what equations of other systems need before they are scored."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from scipy.optimize import least_squares

from helpers.problems import numeric, parse

#: An equation whose relative error is larger is not a rounded law: not polished.
WORTH_POLISHING = 1e-3


@dataclass(frozen=True)
class Fit:
    """What a system found, in forms that scoring can use."""

    predict: Callable[[np.ndarray], np.ndarray]
    text: str  #: the equation at full precision, in x1, x2, …
    shown: str
    size: int  #: edges of ours, nodes of the trees of others
    wall: float
    cpu: float
    edges: int | None = None  #: None: the strict score does not limit the size
    cpu_exact: float | None = None  #: until a graph was exact in sample, if it says


System = Callable[[np.ndarray, np.ndarray, float, int], Fit]


def written(text: str, inputs: int, size: int, seconds: tuple[float, float]) -> Fit:
    """The fit of an equation in x1, x2, …; the seconds are wall and processor time."""
    symbols = [sympy.Symbol(f"x{i + 1}", real=True) for i in range(inputs)]
    expression = parse(text, {s.name: s for s in symbols})
    return Fit(numeric(symbols, expression), text, text, size, *seconds)


def polished(text: str, X: np.ndarray, y: np.ndarray) -> tuple[str, float, int]:
    """An equation with its constants refitted, its relative error and their number.

    What rounding in single precision, or a search without a local one, left to be desired
    is not held against a system.
    """
    start: list[float] = []

    def number(match: re.Match[str]) -> str:
        start.append(float(match[0]))
        return f"c{len(start)}_"

    template = re.sub(r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?", number, text)
    names = [f"x{i + 1}" for i in range(X.shape[1])]
    names += [f"c{i + 1}_" for i in range(len(start))]
    symbols = [sympy.Symbol(name, real=True) for name in names]
    function = numeric(symbols, parse(template, {s.name: s for s in symbols}))

    def rest(constants: np.ndarray) -> np.ndarray:
        columns = np.broadcast_to(constants, (len(X), len(constants)))
        found = (function(np.hstack([X, columns])) - y) / y.std()
        return np.nan_to_num(found, nan=1e6, posinf=1e6, neginf=-1e6)

    values = np.array(start)
    error = float(np.mean(rest(values) ** 2))
    if len(values) and error < WORTH_POLISHING:
        tight: dict[str, Any] = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
        better = least_squares(rest, values, x_scale="jac", max_nfev=100, **tight)
        if 2 * better.cost / len(y) < error:
            values, error = better.x, 2 * better.cost / len(y)
    spelled = re.sub(r"c(\d+)_", lambda m: f"({float(values[int(m[1]) - 1])!r})", template)
    return spelled, error, len(values)
