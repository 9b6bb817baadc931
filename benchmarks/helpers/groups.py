"""Laws whose constants differ between groups of rows: drawn, and found again or not.

*Form* asks whether what was found is the law up to its constants. SRBench's rule compares
constants rounded to three decimals, which noise changes, and does not know a sine from a
cosine whose phase is rounded, too. Here the law's own constants are fitted to what was
found, group by group: if they can be chosen so that no more than rounding is left, the two
are one form, however it is written. What differs between these constants is what differs
between the groups.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import sympy
from scipy.optimize import least_squares

from helpers.problems import Problem, numeric, parse
from helpers.scores import STRICT_ERROR

#: Constants of groups differ if they do by more than this share of the largest.
VARIES = 1e-5
#: A shared constant further from the law's than this factor makes another law of it, such
#: as exp(−x) of 1 / (exp(x) − 1).
FACTOR = 2.0

Predict = Callable[[np.ndarray], np.ndarray]


class Group(NamedTuple):
    """One group of a law: the law with its numbers, and these alone."""

    problem: Problem
    constants: np.ndarray  #: of `Problem.constants`, in their order


def drawn(problem: Problem, count: int, seed: int) -> list[Group]:
    """Groups of a law, from a seed."""
    rng = np.random.default_rng([seed, zlib.crc32(problem.key.encode()), 1])
    columns = [
        c.draw(rng, count) if c.varies else np.full(count, c.value)
        for c in problem.constants
    ]
    rows = np.stack(columns, axis=1) if columns else np.zeros((count, 0))
    return [Group(with_constants(problem, row), row) for row in rows]


def with_constants(problem: Problem, values: Sequence[float] | np.ndarray) -> Problem:
    """The law with numbers for its constants."""
    return replace(problem, expression=written(problem, values), constants=())


def written(problem: Problem, values: Sequence[float] | np.ndarray | None = None) -> str:
    """The law with numbers for all constants, or for those that groups share."""
    if values is None:
        kept = {c.name: f"({c.value!r})" for c in problem.constants if not c.varies}
    else:
        pairs = zip(problem.constants, values, strict=True)
        kept = {c.name: f"({float(v)!r})" for c, v in pairs}
    return re.sub(r"\b[ck]\d+\b", lambda m: kept.get(m[0], m[0]), problem.expression)


# Found again


@dataclass(frozen=True)
class Form:
    """The law's constants as what was found has them."""

    problem: Problem
    constants: np.ndarray  #: (groups, constants)
    more: np.ndarray  #: (groups,) what was added to the law, or the factor it has
    extended: bool  #: whether the law needs this

    @property
    def varying(self) -> list[str]:
        """Names of the constants that differ between groups, "more" of one too many."""
        columns = [*self.constants.T, self.more]
        names = [*(c.name for c in self.problem.constants), "more"]
        return [
            name
            for name, column in zip(names, columns, strict=True)
            if np.ptp(column) > VARIES * np.abs(column).max()
        ]

    @property
    def as_the_law(self) -> bool:
        """Whether exactly the constants differ that do in the law."""
        return self.varying == [c.name for c in self.problem.constants if c.varies]


def form_of(
    problem: Problem,
    groups: Sequence[Group],
    rows: Sequence[np.ndarray],
    found: Sequence[Predict],
) -> Form | None:
    """The law's constants in what was found of every group; None if it is no such law.

    As in SRBench's rule the law may have something added to it, or a factor.
    """
    names = [c.name for c in problem.constants]
    symbols = [*problem.symbols, *(sympy.Symbol(n, real=True) for n in [*names, "more"])]
    law = parse(problem.expression, {s.name: s for s in symbols})
    more = symbols[-1]
    with np.errstate(all="ignore"):
        targets = [predict(X) for predict, X in zip(found, rows, strict=True)]
    for expression, start, free in ((law, 0, 0), (law + more, 0, 1), (law * more, 1, 1)):
        function = numeric(symbols, expression)
        fits = []
        for group, X, target in zip(groups, rows, targets, strict=True):
            first = np.append(group.constants, start)
            fits.append(_nearest(function, X, target, first, len(names) + free))
            if fits[-1] is None:
                break
        else:
            values = np.array(fits)
            form = Form(problem, values[:, :-1], values[:, -1], bool(free))
            return form if _shared_are_near(form) else None
    return None


def _nearest(
    function: Predict, X: np.ndarray, y: np.ndarray, start: np.ndarray, free: int
) -> np.ndarray | None:
    """The constants with which the function is y, of which the first ``free`` are fitted.

    None if there are none near the start.
    """
    if not np.isfinite(y).all() or np.ptp(y) == 0:
        return None

    def constants(fitted: np.ndarray) -> np.ndarray:
        return np.append(fitted, start[free:])

    def rest(fitted: np.ndarray) -> np.ndarray:
        columns = np.broadcast_to(constants(fitted), (len(X), len(start)))
        off = (function(np.hstack([X, columns])) - y) / y.std()
        return np.nan_to_num(off, nan=1e6, posinf=1e6, neginf=-1e6)

    values = start[:free]
    if free:
        tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
        values = least_squares(rest, values, x_scale="jac", max_nfev=200, **tight).x
    return constants(values) if np.mean(rest(values) ** 2) <= STRICT_ERROR else None


def _shared_are_near(form: Form) -> bool:
    middle = np.median(form.constants, axis=0)
    pairs = zip(form.problem.constants, middle, strict=True)
    return all(1 / FACTOR <= m / c.value <= FACTOR for c, m in pairs if not c.varies)


class Inside(NamedTuple):
    """How many intervals hold the constant that they are of."""

    inside: int
    total: int


def coverage(
    form: Form, groups: Sequence[Group], own: Sequence[tuple[np.ndarray, np.ndarray]],
    width: float,
) -> Inside:  # fmt: skip
    """How often ± ``width`` standard errors hold the true constant of a group.

    ``own`` has coefficients of all groups and their errors. A coefficient counts if it is
    a constant of the law, or minus one: of others the true value has no such simple form.
    """
    truths = np.array([group.constants for group in groups])
    inside = total = 0
    for values, errors in own:
        for i, constant in enumerate(form.problem.constants):
            for sign in (1.0, -1.0):
                same = np.allclose(values, sign * form.constants[:, i], rtol=1e-5, atol=0)
                if constant.varies and same:
                    off = np.abs(values - sign * truths[:, i])
                    inside += int((off <= width * errors).sum())
                    total += len(values)
    return Inside(inside, total)
