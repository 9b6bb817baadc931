"""Other programs that find equations: Operon, gplearn and the peer.

Every one gets its processor seconds on one core, and its equation is polished in double
precision, off the clock.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers.fit import Fit, polished, written
from helpers.peer import peer_fit
from helpers.scores import timed

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


# Operon


def operon(X: np.ndarray, y: np.ndarray, seconds: float, seed: int) -> Fit:
    """Operon's search; of its Pareto front the best by BIC.

    It computes in single precision, whose rounding alone exceeds the strict error. The
    constants of its equations are therefore polished before BIC compares them.
    """
    model, wall, cpu = operon_search(X, y, seconds, seed)
    best, lowest, size = "0", math.inf, 0
    for member in model.pareto_front_:
        text, error, constants = polished(operon_text(model, member["tree"]), X, y)
        bic = len(y) * math.log(error + NO_ERROR) + math.log(len(y)) * constants
        if bic < lowest:
            best, lowest, size = text, bic, member["length"]
    return written(best, X.shape[1], size, (wall, cpu))


def operon_search(
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


def operon_text(model: Any, tree: Any) -> str:
    import pyoperon

    text = pyoperon.InfixFormatter.Format(tree, model.variables_, 17)
    return text.replace("^", "**").replace("X", "x")


# gplearn

#: Its functions, and the exponential, without which many laws cannot be said.
GPLEARN_WORDS = ("add", "sub", "mul", "div", "sqrt", "log", "sin", "cos")
GPLEARN_TEXT = {
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "div": "({} / {})",
    "sqrt": "sqrt(abs({}))",
    "log": "log(abs({}))",
}
#: A mean absolute error below this share of y's deviation is exact: the search may end.
GPLEARN_EXACT = 1e-12
LARGEST_EXPONENT = 100.0


def gplearn(X: np.ndarray, y: np.ndarray, seconds: float, seed: int) -> Fit:
    """gplearn with its defaults, a generation after the other until time is up."""
    from gplearn.functions import make_function
    from gplearn.genetic import SymbolicRegressor

    exp = make_function(function=_bounded_exp, name="exp", arity=1)
    words = (*GPLEARN_WORDS, exp)
    model = SymbolicRegressor(function_set=words, random_state=seed, low_memory=True)

    def search() -> None:
        begin, generations = time.process_time(), 0
        while time.process_time() - begin < seconds:
            generations += 1
            model.set_params(generations=generations, warm_start=generations > 1)
            model.fit(X, y)
            if model._program.raw_fitness_ <= GPLEARN_EXACT * y.std():
                return

    _, wall, cpu = timed(search)
    program = model._program.program
    text, _, _ = polished(gplearn_text(iter(program)), X, y)
    return written(text, X.shape[1], len(program), (wall, cpu))


def _bounded_exp(u: np.ndarray) -> np.ndarray:
    return np.exp(np.clip(u, -LARGEST_EXPONENT, LARGEST_EXPONENT))


def gplearn_text(program: Any) -> str:
    """The infix form of a prefix program: functions, indices of inputs, constants.

    gplearn protects divisions and the like near 0; the equation does not.
    """
    item = next(program)
    if isinstance(item, (int, np.integer)):
        return f"x{item + 1}"
    if isinstance(item, (float, np.floating)):
        return f"({item:.17f})"
    parts = [gplearn_text(program) for _ in range(item.arity)]
    return GPLEARN_TEXT.get(item.name, item.name + "({})").format(*parts)


# The peer

#: What it can both train and print, of the primitives that laws need. With those of the
#: second line its weights often become NaN and it ends in an IndexError; then without them.
PEER_TAME = (
    *(
        "none",
        "add",
        "subtract",
        "mult",
        "linear",
        "cos",
        "sin",
        "tanh",
        "logistic",
        "relu",
    ),
)
PEER_WILD = ("exp", "linear_exp", "ln", "reciprocal")
PEER_DECIMALS = 9
PEER_PATIENCE = 900.0


@dataclass(frozen=True)
class Peer:
    """``autora-theorist-darts`` of another interpreter, with as many epochs as fit in.

    Its learning rates, nodes and steps per epoch are its defaults; the read-out is
    trained, as without that hardly any law can be said.
    """

    python: str

    def __call__(self, X: np.ndarray, y: np.ndarray, seconds: float, seed: int) -> Fit:
        answer: dict[str, Any] = {}
        for words in (PEER_TAME + PEER_WILD, PEER_TAME):
            answer = self._fit(X, y, seconds, seed, words)
            if "error" not in answer and "nan" not in answer["equation"]:
                break
        else:
            raise RuntimeError(answer.get("error", answer.get("equation")))
        text, edges = peer_text(answer["equation"])
        spent = answer["fit_seconds"], answer["fit_cpu_seconds"]
        said = written(text, X.shape[1], edges, spent)
        _check_same(said.predict(X), np.ravel(answer["prediction"]), text)
        better, _, _ = polished(text, X, y)
        return written(better, X.shape[1], edges, spent)

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        seconds: float,
        seed: int,
        words: tuple[str, ...],
    ) -> dict[str, Any]:
        settings = {
            "primitives": words,
            "train_classifier_coefficients": True,
            "train_classifier_bias": True,
        }
        options = {"decimals": PEER_DECIMALS, "timeout": PEER_PATIENCE}
        return peer_fit(self.python, X, y, settings, seed, seconds=seconds, **options)


def peer_text(equation: str) -> tuple[str, int]:
    """Its lines as one expression in x1, x2, …, and the number of terms in the lines."""
    lines = [line.partition(" = ")[::2] for line in equation.splitlines() if " = " in line]
    terms = 0
    known: dict[str, str] = {}
    for name, formula in lines:
        formula = re.sub(r"\bReLU\(", "max(0, ", formula)
        formula = re.sub(r"\bk\d+\b", lambda m: f"({known[m[0]]})", formula)
        known[name] = formula.strip().removeprefix("+ ") or "0"
        terms += 1 + formula.count(" + ") + formula.count(" - ")
    return known[lines[-1][0]], terms


def _check_same(said: np.ndarray, predicted: np.ndarray, text: str) -> None:
    """Its protected logarithm (0 where there is none) is not the one that it prints."""
    alike = np.isclose(said, predicted, rtol=1e-3, atol=1e-3 * np.std(predicted))
    if "ln(" not in text and not alike.all():
        raise RuntimeError(f"the peer does not predict what it prints: {text}")
