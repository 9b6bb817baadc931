"""The systems that the recovery benchmarks compare, behind one face.

A system is called with training data, a budget and a seed, on one core, and answers with a
`Fit`. Budgets are core-seconds: on a busy machine the wall clock would cut short whoever
happens to run then. A control or ablation of ours is the same estimator with private search
options, so that everything but the one ingredient stays equal.
"""

from __future__ import annotations

import importlib.util
import math
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from scipy.optimize import least_squares

from _problems import numeric, parse
from _scores import timed

#: Search options of our controls; more come from the command line.
VARIANTS: dict[str, dict[str, Any]] = {
    "darts": {},
    "random": {"random_only": True},
    "no-gradient": {"gradient": False},
}
OPERON = "operon"
HOW_TO_GET_OPERON = "Operon is not installed here: `pip install pyoperon==0.6.2`."
#: All it offers of what the laws need, two objectives, and the search of its authors'
#: entry in SRBench (generational, 1,000 trees) with more local search, which recovers more.
OPERON_SETTINGS: dict[str, Any] = {
    "allowed_symbols": "add,sub,mul,div,exp,log,sin,cos,sqrt,square,pow,tanh,"
    "constant,variable",
    "objectives": ["r2", "length"],
    "optimizer": "lm",
    "optimizer_iterations": 5,
    "population_size": 1000,
    "max_length": 50,
    "n_threads": 1,
    # Time alone ends the search.
    "generations": 10**9,
    "max_evaluations": 10**12,
}
#: Smaller errors, relative to the variance of y, count as this one when BIC chooses.
NO_ERROR = 1e-13
#: A tree of Operon whose relative error is larger is not a rounded law: not polished.
WORTH_POLISHING = 1e-3


@dataclass(frozen=True)
class Fit:
    """What a system found, in forms that scoring can use."""

    predict: Callable[[np.ndarray], np.ndarray]
    text: str  #: the equation at full precision, in x1, x2, …
    shown: str
    size: int  #: edges of ours, nodes of Operon's tree
    wall: float
    cpu: float
    edges: int | None = None  #: None: the strict score does not limit the size


@contextmanager
def core_seconds() -> Iterator[None]:
    """Let the time limits of this process count processor seconds."""
    wall = time.perf_counter
    time.perf_counter = time.process_time
    try:
        yield
    finally:
        time.perf_counter = wall


System = Callable[[np.ndarray, np.ndarray, float, int], Fit]


@dataclass(frozen=True)
class Darts:
    """Our estimator with private search options and, where given, other parameters."""

    options: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    def __call__(self, X: np.ndarray, y: np.ndarray, seconds: float, seed: int) -> Fit:
        from autora.skl.darts import DARTSRegressor

        estimator = DARTSRegressor(max_time=seconds, random_state=seed, **self.parameters)
        estimator._search_options = self.options
        with warnings.catch_warnings(), core_seconds():
            # A budget that ran out warns; here that is the normal case.
            warnings.simplefilter("ignore", UserWarning)
            _, wall, cpu = timed(lambda: estimator.fit(X, y))
        edges = count_edges(estimator.model_)

        def predict(X: np.ndarray) -> np.ndarray:
            return estimator.model_.predict(X)[:, 0]

        return Fit(
            predict,
            str(estimator.sympy(simplify=True)),
            estimator.model_repr(decimals_to_display=4),
            edges,
            wall,
            cpu,
            edges,
        )


def count_edges(model: Any) -> int:
    """Edges on the way to the output."""
    live = model.live_nodes()
    return sum(edge.target in live for edge in model.edges())


# Operon


def operon(X: np.ndarray, y: np.ndarray, seconds: float, seed: int) -> Fit:
    """Operon's search; of its Pareto front the best by BIC.

    It computes in single precision, whose rounding alone exceeds the strict error. The
    constants of its equations are therefore polished in double precision, off the clock,
    before BIC compares them.
    """
    model, wall, cpu = _operon_search(X, y, seconds, seed)
    names = [f"x{i + 1}" for i in range(X.shape[1])]
    best, lowest, size = "0", math.inf, 0
    for member in model.pareto_front_:
        text, error, constants = polished(_operon_text(model, member["tree"]), names, X, y)
        bic = len(y) * math.log(error + NO_ERROR) + math.log(len(y)) * constants
        if bic < lowest:
            best, lowest, size = text, bic, member["length"]
    symbols = [sympy.Symbol(name, real=True) for name in names]
    expression = parse(best, {s.name: s for s in symbols})
    return Fit(numeric(symbols, expression), best, best, size, wall, cpu)


def _operon_search(
    X: np.ndarray, y: np.ndarray, seconds: float, seed: int
) -> tuple[Any, float, float]:
    """The fitted estimator and its wall and processor seconds.

    Operon stops by the wall clock, after whole seconds. Where the machine was busy it
    goes on with its population until the budget is spent.
    """
    from pyoperon.sklearn import SymbolicRegressor

    model = SymbolicRegressor(random_state=seed, **OPERON_SETTINGS)
    wall = cpu = 0.0
    while cpu < seconds - 0.5:
        model.set_params(max_time=max(1, round(seconds - cpu)), warm_start=cpu > 0)
        _, more_wall, more_cpu = timed(lambda: model.fit(X, y))
        wall, cpu = wall + more_wall, cpu + more_cpu
        # The same seed would draw the same numbers again.
        model.set_params(random_state=model.random_state + 1_000_003)
    return model, wall, cpu


def _operon_text(model: Any, tree: Any) -> str:
    import pyoperon

    text = pyoperon.InfixFormatter.Format(tree, model.variables_, 17)
    return text.replace("^", "**").replace("X", "x")


def polished(
    text: str, names: list[str], X: np.ndarray, y: np.ndarray
) -> tuple[str, float, int]:
    """An equation with its constants refitted, its relative error and their number."""
    start: list[float] = []

    def number(match: re.Match[str]) -> str:
        start.append(float(match[0]))
        return f"c{len(start)}_"

    template = re.sub(r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?", number, text)
    symbols = [sympy.Symbol(n, real=True) for n in names]
    free = [sympy.Symbol(f"c{i + 1}_", real=True) for i in range(len(start))]
    table = {s.name: s for s in [*symbols, *free]}
    function = numeric([*symbols, *free], parse(template, table))

    def rest(constants: np.ndarray) -> np.ndarray:
        columns = np.broadcast_to(constants, (len(X), len(constants)))
        found = (function(np.hstack([X, columns])) - y) / y.std()
        return np.nan_to_num(found, nan=1e6, posinf=1e6, neginf=-1e6)

    values = np.array(start)
    error = float(np.mean(rest(values) ** 2))
    if len(values) and error < WORTH_POLISHING:
        tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "max_nfev": 100}
        better = least_squares(rest, values, x_scale="jac", **tight)
        if 2 * better.cost / len(y) < error:
            values, error = better.x, 2 * better.cost / len(y)
    spelled = re.sub(r"c(\d+)_", lambda m: f"({float(values[int(m[1]) - 1])!r})", template)
    return spelled, error, len(values)


_warm: set[str] = set()


def warm_up(name: str, system: System) -> None:
    """One small fit per process: imports and compilers are not the search's time."""
    if name not in _warm:
        X = np.linspace(0, 1, 50).reshape(-1, 1)
        system(X, np.exp(X[:, 0]) + X[:, 0], 1.0, 0)
        _warm.add(name)


def _darts(options: dict[str, Any]) -> Darts:
    """Private search options and, under "parameters", the estimator's own."""
    rest = {name: value for name, value in options.items() if name != "parameters"}
    return Darts(rest, options.get("parameters", {}))


def systems(names: list[str], ablations: dict[str, dict[str, Any]]) -> dict[str, System]:
    """The systems of these names, in their order."""
    known = {name: _darts(options) for name, options in {**VARIANTS, **ablations}.items()}
    table: dict[str, System] = {**known, OPERON: operon}
    unknown = [name for name in names if name not in table]
    if unknown:
        raise ValueError(f"unknown system {unknown}; there are {list(table)}")
    if OPERON in names and importlib.util.find_spec("pyoperon") is None:
        raise ValueError(HOW_TO_GET_OPERON)
    return {name: table[name] for name in names}
