"""How a fit on a ground-truth problem is scored.

*Strict* asks for the law itself, numerically: no error beyond rounding in sample, on fresh
rows and on extrapolated ones, in a graph that is small. *Symbolic* is the rule of SRBench
(La Cava et al. 2021, arXiv 2107.14351): with constants rounded to three decimals,
f − f* or f / f* is a constant.

SymPy may take minutes to simplify. The symbolic verdict is therefore found in a process
that can be stopped, which is this very module, run as a program.
"""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from helpers.common import BENCHMARKS, r2
from helpers.problems import Data, Problem, find

if TYPE_CHECKING:
    from helpers.fit import Fit

STRICT_ERROR = 1e-16  #: mean squared error relative to the variance of y, in sample
STRICT_R2 = 1 - 1e-8  #: on fresh and on extrapolated rows
STRICT_EDGES = 10
GOOD_R2 = 0.999
#: SRBench does not ask a fit below this whether it is the law …
WORTH_READING = 0.5
#: … and we simplify only from here on: rounding does not turn a worse fit into the law.
WORTH_SIMPLIFYING = 0.99
DECIMALS = 3
#: Points, digits and relative tolerance of the test for "is a constant". In double
#: precision logistic(u − 40) could not be told from an exponential.
POINTS, DIGITS, TOLERANCE = 12, 50, 1e-25
#: Seconds that SymPy gets to judge one equation.
SYMPY_LIMIT = 20.0
#: Longer equations are cut in the results; none of this length is a law.
LONGEST = 2000

Predict = Callable[[np.ndarray], np.ndarray]


def numbers(data: Data, predict: Predict, edges: int | None) -> dict[str, Any]:
    """The numerical scores; ``edges=None`` is a model whose size is not limited."""
    with np.errstate(all="ignore"):
        rest = data.y - predict(data.X)
        error = float(np.mean(rest**2) / np.var(data.y))
        test = r2(data.y_test, predict(data.X_test))
        wide = r2(data.y_wide, predict(data.X_wide))
    return {
        # JSON has no infinity.
        "error": error if math.isfinite(error) else None,
        "r2_test": test if math.isfinite(test) else None,
        "r2_wide": wide if math.isfinite(wide) else None,
        "good": test > GOOD_R2,
        "strict": bool(
            error <= STRICT_ERROR
            and test > STRICT_R2
            and wide > STRICT_R2
            and (edges is None or edges <= STRICT_EDGES)
        ),
    }


# The symbolic rule


def rounded(expression: Any) -> Any:
    """The expression with every constant as a decimal of three places.

    π and fractions are evaluated first, so that they round like the fitted constants that
    they are compared with.
    """
    constants = expression.atoms(sympy.Number, sympy.NumberSymbol)
    floats = {a: sympy.Float(a, 17) for a in constants if not a.is_Integer}
    # Two steps: only as floats do constants that meet, such as 4·π, become one.
    merged = expression.xreplace(floats)
    decimals = {
        a: sympy.Rational(round(a * 10**DECIMALS), 10**DECIMALS)
        for a in merged.atoms(sympy.Float)
        if a.is_finite
    }
    return merged.xreplace(decimals)


def _points(problem: Problem) -> Iterator[dict[Any, Any]]:
    rng = np.random.default_rng(0)
    columns = [v.draw(rng, POINTS) for v in problem.variables]
    for row in zip(*columns, strict=True):
        yield {s: sympy.Float(x, DIGITS) for s, x in zip(problem.symbols, row, strict=True)}


def constant(problem: Problem, expression: Any) -> bool:
    """Whether an expression has one finite value, not zero over zero, on the domain.

    Decided by exact evaluation at random points, as simplification misses equalities.
    """
    values = [sympy.N(expression.xreplace(point), DIGITS) for point in _points(problem)]
    # A point outside the domain of the truth says nothing; most are inside.
    values = [value for value in values if value.is_finite]
    if len(values) <= POINTS // 2:
        return False
    scale = max(1.0, abs(complex(values[0])))
    return all(abs(complex(v - values[0])) <= TOLERANCE * scale for v in values[1:])


def equal(problem: Problem, found: Any, truth: Any) -> bool:
    """SRBench's rule for two expressions whose constants are rounded."""
    if found == truth:
        return True
    if not found.free_symbols or not truth.free_symbols:
        return False
    return constant(problem, found - truth) or constant(problem, found / truth)


def verdict(problem: Problem, text: str, simplify: bool) -> bool:
    """Whether the found equation is the law, in any of the forms it is tried in."""
    found = problem.read(text)
    forms: list[Callable[[Any], Any]] = [lambda e: e, sympy.expand]
    if simplify:
        forms += [lambda e: sympy.simplify(e, ratio=1), sympy.factor]
    written = [form(problem.truth) for form in forms[:2]]
    # As it stands, too, as in SRBench: 1/(3 − x) has nothing to round, 1/(1 − x/3) does.
    truths = [*written, *map(rounded, written)]
    for form in forms:
        # Rounding depends on how a law is written, so every form is rounded on its own.
        candidate = rounded(form(found))
        if any(equal(problem, candidate, truth) for truth in truths):
            return True
    return False


def symbolic(
    problem: Problem, text: str, r2_test: float | None, limit: float
) -> dict[str, Any]:
    """The verdict within ``limit`` seconds, found in a process of its own.

    Returns
    -------
    dict
        ``symbolic``, and ``symbolic_note`` where SymPy did not answer.
    """
    if r2_test is None or r2_test <= WORTH_READING:
        return {"symbolic": False}
    job = {"key": problem.key, "text": text, "simplify": r2_test > WORTH_SIMPLIFYING}
    # That of one group has numbers in it that are not in the file.
    job["expression"] = problem.expression
    try:
        done = subprocess.run(
            [sys.executable, "-m", "helpers.scores"],
            cwd=BENCHMARKS,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return {"symbolic": False, "symbolic_note": f"no answer in {limit:.0f} s"}
    if done.returncode:
        error = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"symbolic": False, "symbolic_note": error}
    return {"symbolic": json.loads(done.stdout)}


def score(problem: Problem, data: Data, fit: Fit) -> dict[str, Any]:
    """The columns of one fit: numerical scores, symbolic verdict, times and equation."""
    columns: dict[str, Any] = numbers(data, fit.predict, fit.edges)
    return {
        **columns,
        **symbolic(problem, fit.text, columns["r2_test"], SYMPY_LIMIT),
        "wall": round(fit.wall, 4),
        "cpu": round(fit.cpu, 4),
        "cpu_exact": None if fit.cpu_exact is None else round(fit.cpu_exact, 4),
        "size": fit.size,
        "equation": fit.shown[:LONGEST],
    }


def _serve(job: dict[str, Any]) -> bool:
    problem = dataclasses.replace(find(job["key"]), expression=job["expression"])
    return verdict(problem, job["text"], job["simplify"])


def timed(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """A result with the wall-clock and processor seconds it took."""
    wall, cpu = perf_counter(), process_time()
    result = function()
    return result, perf_counter() - wall, process_time() - cpu


if __name__ == "__main__":
    print(json.dumps(_serve(json.load(sys.stdin))))
