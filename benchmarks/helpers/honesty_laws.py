"""What the honesty benchmark asks about: laws, real tables and simulated systems."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import sympy
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

from helpers.common import BENCHMARKS
from helpers.problems import Problem, Variable, numeric, parse

DATA = BENCHMARKS / "data"


def names(count: int) -> dict[str, Any]:
    """The symbols x1, x2, … by name."""
    return {f"x{i + 1}": sympy.Symbol(f"x{i + 1}", real=True) for i in range(count)}


# Laws


def _law(name: str, expression: str, *ranges: tuple[float, float]) -> Problem:
    variables = tuple(
        Variable(f"x{i}", f"x_{i}", low, high, "uniform")
        for i, (low, high) in enumerate(ranges, 1)
    )
    source = "a law of the textbooks, with constants and ranges of this benchmark"
    return Problem("honesty", name, expression, variables, source, "MIT")


#: Of psychology, physics and biology; not in ``problems``, all of which recovery.py runs.
LAWS = {
    law.name: law
    for law in (
        _law("weber_fechner", "1.8*log(x1/0.4)", (0.5, 10)),
        _law("stevens", "2.3*x1**0.62", (0.1, 10)),
        _law("forgetting", "0.9*exp(-0.35*x1) + 0.08", (0, 12)),
        _law("michaelis_menten", "5.2*x1/(1.7 + x1)", (0.1, 12)),
        _law("discounting", "x1/(1 + 0.25*x2)", (10, 100), (0, 30)),
        _law("psychometric", "1/(1 + exp(-1.6*(x1 - 2.5)))", (0, 5)),
        _law("fitts", "0.21 + 0.15*log(2*x1/x2)", (50, 800), (10, 100)),
        _law("arrhenius", "40*exp(-3.1/x1)", (0.5, 5)),
        _law("damped_wave", "3*exp(-0.4*x1)*cos(2.1*x1)", (0, 6)),
        _law("throw", "x1*x2 - 4.9*x2**2", (5, 30), (0, 3)),
        _law("lens", "x1*x2/(x1 + x2)", (1, 10), (1, 10)),
        _law("nernst", "0.086*x1*log(x2/x3)", (273, 320), (1, 150), (1, 150)),
        _law("coulomb", "3.2*x1*x2/x3**2", (0.5, 3), (0.5, 3), (1, 4)),
        _law("cobb_douglas", "1.3*x1**0.7*x2**0.3", (1, 20), (1, 20)),
        _law("logistic_growth", "10/(1 + 8*exp(-0.6*x1))", (0, 12)),
        _law("plane", "1.4*x1 - 0.7*x2 + 3", (-5, 5), (-5, 5)),
        _law("interaction", "1.5 + 0.8*x1 + 0.6*x1*x2", (-3, 3), (-3, 3)),
        _law("ramp", "1.2 + 0.8*Max(0, x1 - 4)", (0, 10)),
    )
}


# Tables


class Table(NamedTuple):
    """Measurements and the law that people use for them."""

    law: Callable[[np.ndarray, np.ndarray], np.ndarray]  #: of constants and X
    start: tuple[float, ...]  #: its constants by least squares on all rows, about

    def fitted(self, X: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """The law with constants of these rows."""

        def rest(constants: np.ndarray) -> np.ndarray:
            return self.law(constants, X) - y

        tight: dict[str, Any] = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}
        found = least_squares(rest, self.start, x_scale="jac", max_nfev=2000, **tight)
        return lambda X: self.law(found.x, X)


def _gas(c: np.ndarray, X: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(c[0], 1e-300) * X[:, 0] * X[:, 1] / X[:, 2])


def _supernova(c: np.ndarray, X: np.ndarray) -> np.ndarray:
    return c[0] / (c[1] * np.exp(c[2] * X[:, 0]) + np.exp(-c[3] * X[:, 0]))


TABLES = {
    "hubble": Table(lambda c, X: c[0] * X[:, 0], (475.3,)),
    "kepler": Table(lambda c, X: c[0] * X[:, 0] ** 1.5, (366.65,)),
    "ideal_gas": Table(_gas, (8.003,)),
    "bode": Table(lambda c, X: c[0] + c[1] * np.exp(c[2] * X[:, 0]), (0.429, 0.1395, 0.7)),
    "leavitt": Table(lambda c, X: c[0] * X[:, 0] + c[1], (-2.003, 15.558)),
    "supernovae_zr": Table(_supernova, (147.0, 149.0, 0.0422, 0.480)),
}


def read_table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and target of one of the tables."""
    rows = np.loadtxt(DATA / f"{name}.tsv", delimiter="\t", skiprows=1, ndmin=2)
    return rows[:, :-1], rows[:, -1]


# Simulated systems


class Flow(NamedTuple):
    """A system of differential equations, its start and how long it is watched."""

    right: tuple[str, ...]  #: right-hand sides in the states x1, x2, …
    start: tuple[float, ...]
    until: float

    def sides(self) -> list[Callable[[np.ndarray], np.ndarray]]:
        """The right-hand sides as functions of rows of states."""
        known = names(len(self.start))
        return [numeric([*known.values()], parse(side, known)) for side in self.right]


FLOWS = {
    "logistic growth": Flow(("0.8*x1*(1 - x1/5)",), (0.3,), 12),
    "Lotka–Volterra": Flow(("1.1*x1 - 0.4*x1*x2", "0.1*x1*x2 - 0.4*x2"), (10, 5), 25),
    "damped oscillator": Flow(("x2", "-2.5*x1 - 0.3*x2"), (1, 0), 15),
    "SIR": Flow(("-0.6*x1*x2", "0.6*x1*x2 - 0.15*x2", "0.15*x2"), (0.99, 0.01, 0), 50),
    "van der Pol": Flow(("x2", "1.2*(1 - x1**2)*x2 - x1"), (1, 0.5), 20),
    "Lorenz": Flow(("10*(x2 - x1)", "x1*(28 - x3) - x2", "x1*x2 - 2.667*x3"), (1, 1, 1), 8),
    "Michaelis–Menten decay": Flow(("-1.4*x1/(0.6 + x1)",), (5,), 8),
    "pendulum": Flow(("x2", "-2*sin(x1) - 0.1*x2"), (2, 0), 15),
}
FLOW_ROWS = 400


@cache
def simulated(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spaced times and the states then, (times, states)."""
    flow = FLOWS[name]
    sides = flow.sides()
    times = np.linspace(0, flow.until, FLOW_ROWS)

    def slope(_: float, state: np.ndarray) -> list[float]:
        return [side(state[None])[0] for side in sides]

    span = (0, flow.until)
    path = solve_ivp(slope, span, flow.start, t_eval=times, rtol=1e-10, atol=1e-12)
    return times, path.y.T
