"""How honest the choice of the equation is, on data as scientists have them.

    python benchmarks/honesty.py                     ours, Operon, a line and the mean
    python benchmarks/honesty.py --before COMMIT     the package of that commit, too
    python benchmarks/honesty.py --report

Few rows, much noise, nothing but noise, weights in other units, rounded measurements, real
tables, differences of simulated states, and the coefficients of a straight line. All
systems have their turn at one job before the next job begins. Every finished fit is kept
at once, so that the command may be interrupted and given again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sympy

from helpers.common import ROOT, environment, table, write_results
from helpers.fit import Fit, System, polished, written
from helpers.honesty_laws import FLOWS, LAWS, TABLES, names, read_table, simulated
from helpers.paired import pair, sign_test
from helpers.problems import parse
from helpers.report import about, mean, median, names as distinct
from helpers.rivals import operon_search, operon_text
from helpers.runs import Row, Store, run
from helpers.scores import timed
from helpers.systems import core_seconds, systems, warm_up

KEY = ("system", "part", "problem", "case", "seed")
#: Environment variable that names the folder of the other commit's package, for the
#: processes of the fits.
BEFORE_TREE = "BEFORE_TREE"
BEFORE = "before"
BASELINES = ("line", "mean")
#: Longer equations are cut in the results.
LONGEST = 300
#: Fresh rows on which a fit is judged.
FRESH = 400
#: An error is harm if it is this many times that of the better baseline …
HARM = 1.5
#: … unless it is no more than rounding.
HARMLESS = 1e-9
#: Errors that count as exact, and as an interpolation of noise (sums of squares).
EXACT, INTERPOLATES = 1e-8, 1e-16
#: What varies less than this share of y does not vary, what differs less is the same.
SAME = 1e-9
#: Means of log10 errors have them between these: one bad fit is one fit, and so is one
#: whose constants are round and hit the law's.
LOWEST, HIGHEST = -4.0, 3.0

ROWS, NOISES = (8, 12, 20, 40, 100), (0, 0.02, 0.05, 0.1, 0.2, 0.3)
#: Up to here rows are few.
FEW = 40
NULL_ROWS, NULL_INPUTS = (*ROWS, 200), (1, 2, 3, 6)
WEIGHTED = ("stevens", "michaelis_menten", "discounting", "logistic_growth", "interaction")
#: The first is repeated: what differs there is not the weights' doing.
FACTORS = (1.0, 1e-4, 1e-2, 1e2, 1e4, 1e6)
#: A clock would make equal fits differ, so that weights are compared by a count.
STEADY = {"n_candidates": 10_000}
LINE_ONLY = {"primitives": ["add"], "n_candidates": 1000}
SLOPES, INTERCEPTS = ((5, 12), (0.5, 4)), (250, 0.3)
LINE_ROWS, LINE_R2 = (60, 180), (0.3, 0.9, 0.99, 0.999)


# Systems


class Package:
    """A tree of our package in a process of its own, as one process cannot hold two."""

    def __init__(self, tree: str) -> None:
        variables = {**environment(ours=False), "PYTHONPATH": str(Path(tree) / "src")}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [sys.executable, __file__, "--serve", tree]
        self._process = subprocess.Popen(command, text=True, env=variables, **pipes)
        self._tree, self.fits = tree, 0

    def ask(self, question: Row) -> Row:
        """The answer to a question; see `answer`."""
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()  # type: ignore[union-attr]
        except OSError:
            line = ""
        if not line:
            _packages.pop(self._tree, None)
            raise RuntimeError(f"the package's process died: {self._process.wait()}")
        found = json.loads(line)
        if "error" in found:
            raise RuntimeError(found["error"])
        return found


_packages: dict[str, Package] = {}


@dataclass(frozen=True)
class Ours:
    """The estimator of one tree with its defaults and, where given, other parameters."""

    tree: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def __call__(
        self,
        X: np.ndarray,
        y: np.ndarray,
        seconds: float | None,
        seed: int,
        weight: np.ndarray | None = None,
    ) -> Fit:
        if self.tree not in _packages:
            _packages[self.tree] = Package(self.tree)
        package = _packages[self.tree]
        package.fits = number = package.fits + 1
        parameters = {"random_state": seed, "max_time": seconds, **self.parameters}
        data = {"X": X.tolist(), "y": y.tolist()}
        data["weight"] = None if weight is None else weight.tolist()
        found = package.ask({**data, "parameters": parameters})

        def predict(X: np.ndarray) -> np.ndarray:
            if package.fits != number:
                raise RuntimeError("only the last fit of a package can predict")
            return np.array(package.ask({"predict": X.tolist()})["prediction"], float)

        return Fit(predict, found["text"], found["text"], 0, found["wall"], found["cpu"])


def answer(question: Row, held: list[Any]) -> Row:
    """Fit an estimator and hold it, or let it predict; with public names alone.

    Another commit may have other private ones.
    """
    if "predict" in question:
        with np.errstate(all="ignore"):
            found = held[0].model_.predict(np.array(question["predict"]))
        return {"prediction": found[:, 0].tolist()}
    from autora.skl.darts import DARTSRegressor

    estimator = DARTSRegressor(**question["parameters"])
    X, y = np.array(question["X"]), np.array(question["y"])
    with warnings.catch_warnings(), core_seconds():
        # A budget that ran out warns; here that is the normal case.
        warnings.simplefilter("ignore", UserWarning)
        fit = timed(lambda: estimator.fit(X, y, sample_weight=question["weight"]))
    held[:] = [estimator]
    return {"text": str(estimator.sympy(simplify=True)), "wall": fit[1], "cpu": fit[2]}


def serve(tree: str) -> None:
    """Answer questions about the package of this tree, a line each, until there is none."""
    held: list[Any] = []
    answers = sys.stdout
    for line in sys.stdin:
        # Whatever a fit prints must not mix with the answers.
        with contextlib.redirect_stdout(sys.stderr):
            try:
                _check_tree(tree)
                found = answer(json.loads(line), held)
            except Exception as error:
                found = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(found), file=answers, flush=True)


def _check_tree(tree: str) -> None:
    """Python takes the first package on its path, which must be the one that is meant."""
    import autora.skl.darts as package

    found = Path(package.__file__).resolve()
    if not found.is_relative_to(Path(tree).resolve() / "src"):
        raise RuntimeError(f"the package of {tree} was meant, {found} was imported")


def operon(X: np.ndarray, y: np.ndarray, seconds: float, seed: int) -> Fit:
    """Operon's search and its own choice, the shortest description.

    That takes the error of y for known, 1 unless told. As in its authors' examples it is
    what a random forest leaves of y; here y is given in units of it.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(random_state=seed).fit(X, y)
    unit = rms(forest.predict(X) - y) or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, wall, cpu = operon_search(X, y / unit, seconds, seed)
    text, _, _ = polished(operon_text(model, model.model_), X, y / unit)
    return written(f"({unit!r}) * ({text})", X.shape[1], 0, (wall, cpu))


def line(X: np.ndarray, y: np.ndarray, seconds: float = 0, seed: int = 0) -> Fit:
    """The straight line, or plane, of least squares."""
    columns = np.column_stack([np.ones(len(X)), X])
    found, wall, cpu = timed(lambda: np.linalg.lstsq(columns, y, rcond=None)[0])
    terms = ["", *(f" * {name}" for name in names(X.shape[1]))]
    parts = [f"({float(c)!r}){t}" for c, t in zip(found, terms, strict=True)]
    return written(" + ".join(parts), X.shape[1], 0, (wall, cpu))


def average(X: np.ndarray, y: np.ndarray, seconds: float = 0, seed: int = 0) -> Fit:
    """The mean of y, whatever X is."""
    return written(f"({float(y.mean())!r})", X.shape[1], 0, (0.0, 0.0))


def find(name: str) -> System:
    """The system of this name."""
    if name.startswith(BEFORE):
        return Ours(os.environ[BEFORE_TREE])
    known = {"darts": Ours(str(ROOT)), "operon": operon, "line": line, "mean": average}
    if name not in known:
        raise ValueError(f"unknown system {name!r}; there are {list(known)}")
    return known[name]


# Scores


def rms(rest: np.ndarray) -> float:
    """Root mean square; infinite where something is not finite."""
    with np.errstate(all="ignore"):
        value = float(np.sqrt(np.mean(rest**2)))
    return value if math.isfinite(value) else math.inf


def off(fit: Fit, X: np.ndarray, truth: np.ndarray) -> float:
    """Error of the predictions as a share of the truth's standard deviation."""
    with np.errstate(all="ignore"):
        return rms(fit.predict(X) - truth) / float(np.std(truth))


def constants(expression: Any) -> int:
    """How many numbers a reader sees: all but signs and whole or half exponents."""
    if expression.is_Number:
        return int(abs(expression) != 1)
    args = expression.args
    if expression.is_Pow and isinstance(expression.exp, sympy.Rational):
        args = (expression.base,)
    return sum(constants(part) for part in args)


def operations(expression: Any) -> int:
    return int(sympy.count_ops(expression))


def described(fit: Fit, X: np.ndarray, y: np.ndarray) -> Row:
    """What every part tells of a fit."""
    expression = parse(fit.text, names(X.shape[1]))
    with np.errstate(all="ignore"):
        rest = np.sum((fit.predict(X) - y) ** 2) / np.sum((y - y.mean()) ** 2)
    return {
        # What the line on the screen wants to know of every fit.
        **{"strict": False, "symbolic": None, "r2_test": None},
        "r2_train": finite(1 - float(rest)),
        "passes_through": bool(rest < INTERPOLATES),
        "coefficients": constants(expression),
        "operations": operations(expression),
        "equation": fit.text[:LONGEST],
        "wall": round(fit.wall, 4),
        "cpu": round(fit.cpu, 4),
    }


def finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None


def compared(fit: Fit, X: np.ndarray, y: np.ndarray, fresh: Any) -> Row:
    """The error on fresh rows beside those of the line and the mean of the same data."""
    error = off(fit, *fresh)
    simple = [off(baseline(X, y), *fresh) for baseline in (line, average)]
    return {
        "error": finite(error),
        "line_error": finite(simple[0]),
        "mean_error": finite(simple[1]),
        "harm": bool(error > HARM * min(simple) and error > HARMLESS),
        "r2_test": finite(round(1 - error * error, 6)),
    }


def number_of(job: Row) -> int:
    """A seed of the data: every case has rows of its own, the same for every system."""
    return zlib.crc32("|".join(str(job[name]) for name in KEY[1:]).encode())


def _drawn(job: Row, rows: int) -> tuple[np.ndarray, np.ndarray, Any, Any]:
    """Noise-free rows of the job's law, fresh ones, and random numbers for the rest."""
    law, seed = LAWS[job["problem"]], number_of(job)
    data, fresh = law.draw(rows, seed), law.draw(FRESH, seed + 1)
    return data.X, data.y, fresh[:2], np.random.default_rng([seed, 1])


def score_law(job: Row, system: System) -> Row:
    """A law with few rows and noise."""
    X, y, fresh, rng = _drawn(job, job["n"])
    y = y + job["noise"] * np.std(y) * rng.normal(size=len(y))
    fit = system(X, y, job["seconds"], job["seed"])
    row = described(fit, X, y) | compared(fit, X, y, fresh)
    exact = job["noise"] == 0 and row["error"] is not None and row["error"] < EXACT
    interpolates = job["noise"] > 0 and row["passes_through"]
    return {**row, "interpolates": interpolates, "exact": exact, "strict": exact}


def score_null(job: Row, system: System) -> Row:
    """Noise alone: whether an equation that varies is given all the same."""
    rng = np.random.default_rng(number_of(job))
    X, y = rng.uniform(0.5, 5, (job["n"], job["inputs"])), rng.normal(size=job["n"])
    fit = system(X, y, job["seconds"], job["seed"])
    fresh = rng.uniform(0.5, 5, (FRESH // 2, job["inputs"]))
    with np.errstate(all="ignore"):
        spread = float(np.std(fit.predict(fresh)))
    # Not a number is no constant.
    given = not spread <= SAME * np.std(y)
    return {**described(fit, X, y), "given": bool(given), "spread": finite(spread)}


def score_weights(job: Row, system: System) -> Row:
    """Weights in other units: whether they lead to the same predictions."""
    X, y, fresh, rng = _drawn(job, 40)
    factors = rng.uniform(0.5, 2, len(y)) if job["case"] == "unequal" else np.ones(len(y))
    sigma = 0.05 * np.std(y) * factors
    y, weight = y + sigma * rng.normal(size=len(y)), 1 / factors**2
    steady = replace(system, parameters=STEADY)  # type: ignore[type-var]

    def fitted(factor: float) -> Fit:
        return steady(X, y, None, job["seed"], weight * factor)

    first = fitted(1.0)
    row, wanted = described(first, X, y), first.predict(fresh[0])
    same = {}
    for factor in FACTORS:
        found = fitted(factor).predict(fresh[0])
        near = SAME * rms(wanted)
        same[f"{factor:g}"] = bool(np.allclose(found, wanted, 0, near, equal_nan=True))
    return {**row, "same_at": same, "same": all(same.values())}


def score_rounded(job: Row, system: System) -> Row:
    """Measurements in whole numbers, of which the largest is about 100."""
    X, y, fresh, _ = _drawn(job, 100)
    scale = 100 / np.ptp(fresh[1])
    y, truth = np.round(scale * y), (fresh[0], scale * fresh[1])
    fit = system(X, y, job["seconds"], job["seed"])
    return described(fit, X, y) | compared(fit, X, y, truth)


def score_table(job: Row, system: System) -> Row:
    """A real table: whether the equation is as good and as short as people's."""
    X, y = read_table(job["problem"])
    order = np.random.default_rng(job["seed"]).permutation(len(y))
    count = round(0.75 * len(y))
    train, held = order[:count], order[count:]
    if job["case"] == "all rows":
        train = held = np.arange(len(y))
    people = TABLES[job["problem"]]
    law = people.fitted(X[train], y[train])
    fit = system(X[train], y[train], job["seconds"], job["seed"])
    row = described(fit, X[train], y[train])
    error, theirs = rms(fit.predict(X[held]) - y[held]), rms(law(X[held]) - y[held])
    short = row["coefficients"] <= len(people.start) + 1
    as_good = bool(short and error <= 1.1 * theirs)
    return {**row, "error": finite(error), "law_error": theirs, "as_good": as_good}


def score_differences(job: Row, system: System) -> Row:
    """Differences of a simulated state: whether they lead back to its equation."""
    flow, state = FLOWS[job["flow"]], job["state"]
    times, states = simulated(job["flow"])
    # The ends have differences of one side alone.
    X, y = states[2:-2], np.gradient(states[:, state], times)[2:-2]
    rng = np.random.default_rng(number_of(job))
    y = y + job["noise"] * np.std(y) * rng.normal(size=len(y))
    truth = flow.sides()[state](X)
    fit = system(X, y, job["seconds"], job["seed"])
    row, error = described(fit, X, y), off(fit, X, truth)
    theirs = rms(y - truth) / float(np.std(truth))
    longest = 2 * operations(parse(flow.right[state], names(X.shape[1]))) + 3
    law = bool(error <= 3 * theirs and row["operations"] <= longest)
    return {**row, "error": finite(error), "differences_error": theirs, "law": law}


def score_coefficients(job: Row, system: System) -> Row:
    """A straight line: how far its slope is from the true one, in standard errors."""
    rng, n = np.random.default_rng(number_of(job)), job["n"]
    slope = rng.uniform(*job["slopes"])
    x = np.tile(np.arange(10.0), n // 10)
    noise = slope * np.std(x) * math.sqrt(1 / job["r2"] - 1)
    y = slope * x + job["intercept"] + noise * rng.normal(size=n)
    straight = replace(system, parameters=LINE_ONLY)  # type: ignore[type-var]
    fit = straight(x[:, None], y, job["seconds"], job["seed"])
    low, high = fit.predict(np.array([[0.0], [9.0]]))
    best = np.polyfit(x, y, 1)
    rest = y - np.polyval(best, x)
    error = math.sqrt(np.sum(rest**2) / (n - 2) / np.sum((x - x.mean()) ** 2))
    off_by = {"slope_error": finite(((high - low) / 9 - slope) / error)}
    off_by["least_squares_error"] = (best[0] - slope) / error
    return described(fit, x[:, None], y) | off_by


# Parts


def _laws() -> list[Row]:
    return [
        {"problem": law, "case": f"n {n}, noise {noise:g}", "n": n, "noise": noise}
        for law, n, noise in product(LAWS, ROWS, NOISES)
    ]


def _null() -> list[Row]:
    return [
        {"problem": f"{inputs} inputs", "case": f"n {n}", "n": n, "inputs": inputs}
        for inputs, n in product(NULL_INPUTS, NULL_ROWS)
    ]


def _weights() -> list[Row]:
    return [{"problem": law, "case": kind} for law, kind in product(WEIGHTED, KINDS)]


def _rounded() -> list[Row]:
    return [{"problem": law, "case": ""} for law in LAWS]


def _tables() -> list[Row]:
    return [{"problem": t, "case": case} for t, case in product(TABLES, SPLITS)]


def _differences() -> list[Row]:
    return [
        {"problem": f"{name}, x{state + 1}", "case": f"noise {noise:g}"}
        | {"flow": name, "state": state, "noise": noise}
        for name, flow in FLOWS.items()
        for state in range(len(flow.start))
        for noise in (0, 0.01)
    ]


def _coefficients() -> list[Row]:
    return [
        {"problem": f"slope {low:g} to {high:g}, intercept {intercept:g}"}
        | {"case": f"n {n}, R² {r2:g}", "n": n, "r2": r2}
        | {"slopes": (low, high), "intercept": intercept}
        for (low, high), intercept in product(SLOPES, INTERCEPTS)
        for n, r2 in product(LINE_ROWS, LINE_R2)
    ]


KINDS, SPLITS = ("equal", "unequal"), ("held out", "all rows")


def ours(system: str) -> bool:
    return system == "darts" or system.startswith(BEFORE)


def searches(system: str) -> bool:
    return system not in BASELINES


class Part(NamedTuple):
    cases: Callable[[], list[Row]]
    score: Callable[[Row, System], Row]
    seeds: int  #: if the command does not say
    who: Callable[[str], bool] = lambda system: True  #: takes part


PARTS = {
    "laws": Part(_laws, score_law, 1),
    "null": Part(_null, score_null, 8, searches),
    "weights": Part(_weights, score_weights, 1, ours),
    "rounded": Part(_rounded, score_rounded, 2),
    "tables": Part(_tables, score_table, 5),
    "differences": Part(_differences, score_differences, 1),
    "coefficients": Part(_coefficients, score_coefficients, 10, ours),
}


def work(job: Row) -> Row:
    """One job of one system, from its data to its scores."""
    system = find(job["system"])
    if searches(job["system"]):
        warm_up(job["system"], system)
    return PARTS[job["part"]].score(job, system)


def jobs(options: argparse.Namespace, competitors: Sequence[str]) -> list[Row]:
    """All jobs; the systems take turns, so that they share the machine's moods."""
    found: list[Row] = []
    for name in options.parts.split(","):
        part = PARTS[name]
        cases, seeds = part.cases(), options.seeds or part.seeds
        if options.limit:
            rng, most = np.random.default_rng(0), min(options.limit, len(cases))
            cases, seeds = [cases[i] for i in rng.permutation(len(cases))[:most]], 1
        found += [
            {"system": system, "part": name, **case, "seed": seed}
            | {"seconds": options.seconds}
            for seed in range(seeds)
            for case in cases
            for system in competitors
            if part.who(system)
        ]
    return found


# The page

METHOD = """\
Every fit has {seconds:g} core-seconds on one core and nothing else set; seconds in tables
are the clock's. *Before* is the package of the commit that is named, in a process of its
own, as ours is. Operon has its own choice, the shortest description, with the error of y
that a random forest suggests, as in its authors' examples. Numbers of coefficients and
operations are those of the equation as it is written, ours as `sympy(simplify=True)`. A fit
that fails counts as harm and as nothing good."""
NOTES = {
    "laws": f"""\
{len(LAWS)} laws with normal noise of up to 30 % of the standard deviation of y. *Error*:
root mean square on {FRESH} fresh noise-free rows of the same ranges, as a share of their
standard deviation. *Harm*: more than {HARM:g} times the error of the better of a straight
line and the mean. *Interpolates*: noisy rows are passed through. *Exact*: without noise,
error below {EXACT:g}, up to {FEW} rows. Logarithms of errors are cut at {LOWEST:g} and
{HIGHEST:g}.""",
    "null": "*Given*: y is noise alone, and yet the prediction varies.",
    "weights": f"""\
Weights times a factor: share of fits that predict the same, to {SAME:g}, as those with the
weights themselves. 1 is the same fit again. The search is limited by `{STEADY}` in place of
a time, so that equal fits are equal.""",
    "rounded": "The laws without noise, 100 rows, y from about 0 to 100 in whole numbers.",
    "tables": """\
*As good*: at most one coefficient more than the law that people use, and at most 1.1 times
its root mean squared error: on a quarter of the rows that neither was fitted to / in
sample, all rows. Seeds passed of those run.""",
    "differences": """\
y are central differences of a simulated state, X all states. *Found*: the error against the
true right-hand side is at most three times that of the differences, and the equation has
at most twice as many operations as that side and three.""",
    "coefficients": f"""\
Errors of the slope of a straight line in standard errors of least squares, root mean
square of ours ÷ that of least squares, and mean. Set: `{LINE_ONLY}`.""",
}


def percent(rows: Sequence[Row], column: str, missing: bool = False) -> str:
    """Share of the rows, failed fits counted as ``missing``."""
    if not rows:
        return ""
    return f"{100 * statistics.mean(bool(r.get(column, missing)) for r in rows):.1f}"


def logarithm(row: Row) -> float:
    """Of the error to base ten; no answer has the largest."""
    error = row.get("error")
    if error is None:
        return HIGHEST
    return min(max(math.log10(max(error, 1e-300)), LOWEST), HIGHEST)


def where(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    return [r for r in rows if all(r.get(name) == v for name, v in wanted.items())]


def systems_table(rows: list[Row], columns: dict[str, Callable[[list[Row]], Any]]) -> str:
    """A line per system, a cell per function of its rows."""
    headers = ["system", "fits", *columns, "failed"]
    lines = []
    for system in distinct(rows):
        own = where(rows, system=system)
        cells = [column(own) for column in columns.values()]
        failed = sum("error_text" in row for row in own)
        lines.append([system, len(own), *cells, failed])
    return table(headers, lines)


def known(rows: list[Row], column: str) -> list[Row]:
    """Rows that have a value, as failed fits have none."""
    return [row for row in rows if row.get(column) is not None]


def _middle(rows: list[Row], column: str) -> str:
    return median(known(rows, column), column)


def page_laws(rows: list[Row]) -> str:
    """Harm, interpolations, errors and exact laws, then pairs and where harm is done."""
    by_rows = {
        f"n {n}": lambda own, n=n: percent(where(own, n=n), "harm", True) for n in ROWS
    }
    columns: dict[str, Callable[[list[Row]], Any]] = {
        "harm %": lambda own: percent(own, "harm", True),
        **by_rows,
        "interpolates": lambda own: sum(bool(r.get("interpolates")) for r in own),
        "mean log10 error, noisy": lambda own: mean_log(noisy(own)),
        f"exact, n ≤ {FEW}": lambda own: count(few_exact(own), "exact"),
        "coefficients": lambda own: _middle(own, "coefficients"),
        "mean s": lambda own: mean(known(own, "wall"), "wall"),
    }
    parts = [systems_table(rows, columns), _errors(noisy(rows)), _harmed(rows)]
    return "\n\n".join(part for part in parts if part)


def noisy(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["noise"] > 0]


def few_exact(rows: Iterable[Row]) -> list[Row]:
    """Few rows without noise, which may lead to the law itself."""
    return [row for row in rows if row["noise"] == 0 and row["n"] <= FEW]


def mean_log(rows: Sequence[Row]) -> str:
    return f"{statistics.mean(map(logarithm, rows)):.3f}" if rows else ""


def count(rows: Sequence[Row], column: str) -> str:
    """Such as "3 of 8"."""
    return f"{sum(bool(r.get(column)) for r in rows)} of {len(rows)}" if rows else ""


def _harmed(rows: list[Row]) -> str:
    """Which laws a system harms, and how often."""
    lines = []
    for system in distinct(rows):
        harmed = Counter(r["problem"] for r in where(rows, system=system) if _harm(r))
        if harmed and searches(system):
            told = ", ".join(f"{law} {times}" for law, times in harmed.most_common())
            lines.append(f"- {system}: {told}")
    return "Harm by law:\n\n" + "\n".join(lines) if lines else ""


def _harm(row: Row) -> bool:
    return bool(row.get("harm", True))


def _errors(rows: list[Row]) -> str:
    """Whose error is the smaller, fit by fit."""
    lines = []
    for other in [s for s in distinct(rows) if s != "darts"]:
        pairs = _together(rows, "darts", other)
        gaps = [logarithm(a) - logarithm(b) for a, b in pairs]
        ahead, behind = sum(g < -1e-6 for g in gaps), sum(g > 1e-6 for g in gaps)
        if gaps:
            cells = [len(gaps), f"{statistics.mean(gaps):+.3f}", ahead, behind]
            lines.append(["darts", other, *cells, f"{sign_test(ahead, behind):.2g}"])
    headers = ["A", "B", "noisy fits", "mean log10 A ÷ B", "A smaller", "B smaller", "p"]
    return table(headers, lines) if lines else ""


def _together(rows: list[Row], first: str, second: str) -> list[tuple[Row, Row]]:
    """The fits of two systems to the same data."""
    other = {tuple(r[k] for k in KEY[1:]): r for r in where(rows, system=second)}
    own = [(r, tuple(r[k] for k in KEY[1:])) for r in where(rows, system=first)]
    return [(row, other[key]) for row, key in own if key in other]


def page_null(rows: list[Row]) -> str:
    groups = {f"n {n}": {"n": n} for n in NULL_ROWS}
    groups |= {f"{inputs} inputs": {"inputs": inputs} for inputs in NULL_INPUTS}
    columns: dict[str, Callable[[list[Row]], Any]] = {
        "given %": lambda own: percent(own, "given"),
        **{
            name: lambda own, group=group: percent(where(own, **group), "given")
            for name, group in groups.items()
        },
        "mean s": lambda own: mean(known(own, "wall"), "wall"),
    }
    return systems_table(rows, columns)


def page_weights(rows: list[Row]) -> str:
    def share(own: list[Row], factor: str) -> str:
        cells = [{"same": r.get("same_at", {}).get(factor)} for r in own]
        return percent(cells, "same")

    columns: dict[str, Callable[[list[Row]], Any]] = {
        f"{kind}, × {factor:g}": lambda own, k=kind, f=factor: share(
            where(own, case=k), f"{f:g}"
        )
        for kind, factor in product(KINDS, FACTORS)
    }
    return systems_table(rows, columns)


def page_rounded(rows: list[Row]) -> str:
    columns: dict[str, Callable[[list[Row]], Any]] = {
        "harm %": lambda own: percent(own, "harm", True),
        "mean log10 error": mean_log,
        "operations, median": lambda own: _middle(own, "operations"),
        "coefficients, median": lambda own: _middle(own, "coefficients"),
    }
    return systems_table(rows, columns)


def page_tables(rows: list[Row]) -> str:
    def passed(own: list[Row], name: str) -> str:
        cells = [where(own, problem=name, case=case) for case in SPLITS]
        shown = [f"{sum(bool(r.get('as_good')) for r in c)}/{len(c)}" for c in cells]
        return ", ".join(shown)

    columns: dict[str, Callable[[list[Row]], Any]] = {
        name: lambda own, name=name: passed(own, name) for name in TABLES
    }
    printed = [
        f"- {r['problem']}: `{r['equation']}`"
        for r in where(rows, system="darts", case="all rows", seed=0)
        if "equation" in r
    ]
    shown = ["What `darts` finds in all rows (first seed):\n\n" + "\n".join(printed)]
    return "\n\n".join([systems_table(rows, columns), *(shown if printed else [])])


def page_differences(rows: list[Row]) -> str:
    columns: dict[str, Callable[[list[Row]], Any]] = {
        f"found, {case}": lambda own, case=case: count(where(own, case=case), "law")
        for case in distinct(rows, "case")
    }
    missed = []
    for system in distinct(rows):
        own = [r for r in where(rows, system=system) if not r.get("law")]
        told = ", ".join(f"{r['problem']} ({r['case']})" for r in own)
        missed += [f"- {system}: {told}"] if told and searches(system) else []
    parts = [systems_table(rows, columns)]
    parts += ["Not found:\n\n" + "\n".join(missed)] if missed else []
    return "\n\n".join(parts)


def page_coefficients(rows: list[Row]) -> str:
    def ratio(own: list[Row]) -> str:
        own = known(own, "slope_error")
        if not own:
            return ""
        error, best = (
            rms(np.array([r[column] for r in own]))
            for column in ("slope_error", "least_squares_error")
        )
        middle = statistics.mean(r["slope_error"] for r in own)
        return f"{error / best:.3f}, {middle:+.2f}"

    columns: dict[str, Callable[[list[Row]], Any]] = {
        "all": ratio,
        **{f"R² {r2:g}": lambda own, r2=r2: ratio(where(own, r2=r2)) for r2 in LINE_R2},
        **{f"n {n}": lambda own, n=n: ratio(where(own, n=n)) for n in LINE_ROWS},
        **{
            problem: lambda own, p=problem: ratio(where(own, problem=p))
            for problem in distinct(rows, "problem")
        },
    }
    return systems_table(rows, columns)


PAGES = {
    "laws": page_laws,
    "null": page_null,
    "weights": page_weights,
    "rounded": page_rounded,
    "tables": page_tables,
    "differences": page_differences,
    "coefficients": page_coefficients,
}
#: What is compared pair by pair: the part, in words, and whether a row is good.
VERDICTS: list[tuple[str, str, Callable[[Row], bool]]] = [
    ("laws", "no harm", lambda row: not row["harm"]),
    ("laws", f"exact, n ≤ {FEW}", lambda row: row["exact"] and row["n"] <= FEW),
    ("null", "not given", lambda row: not row["given"]),
    ("weights", "all the same", lambda row: row["same"]),
    ("rounded", "no harm", lambda row: not row["harm"]),
    ("tables", "as good", lambda row: row["as_good"]),
    ("differences", "found", lambda row: row["law"]),
]


def page_pairs(rows: list[Row]) -> str:
    """Ours beside every other that searches, by what is good in each part."""
    others = [s for s in distinct(rows) if s != "darts" and searches(s)]
    lines = []
    for part, words, good in VERDICTS:
        cases = [
            {**r, "solved": "error_text" not in r and bool(good(r))}
            | {"seed": (r["case"], r["seed"])}
            for r in where(rows, part=part)
        ]
        for other in others:
            p = pair(cases, "darts", other, "solved")
            if p.count:
                tests = [f"{p.p:.2g}", f"{p.p_problems:.2g}"]
                counts = [p.count, p.first, p.second, p.both]
                lines.append([part, words, "darts", other, *counts, *tests])
    headers = ["part", "good is", "A", "B", "fits", "only A", "only B", "both"]
    note = (
        "p: two-sided sign test over all fits, and over problems, as the fits of one "
        "problem are not independent."
    )
    headers += ["p", "p over problems"]
    return f"{table(headers, lines)}\n\n{note}" if lines else ""


def page_failures(rows: list[Row]) -> str:
    return "\n".join(
        f"- {r['system']}, {r['part']}, {r['problem']}, {r['case']}, seed {r['seed']}: "
        f"`{r['error_text'][:LONGEST]}`"
        for r in rows
        if "error_text" in r
    )


def ranked(rows: list[Row]) -> list[Row]:
    """Ours first, then what it is compared with; whoever was done first."""

    def rank(row: Row) -> int:
        order = ("darts", BEFORE, "operon", *BASELINES)
        return order.index(row["system"].split()[0])

    return sorted(rows, key=rank)


def page(rows: list[Row]) -> str:
    """The body of the page: a section per part that was run."""
    if not rows:
        return "No results yet."
    rows = ranked(rows)
    parts = [METHOD.format(seconds=rows[0]["seconds"])]
    commits = Counter((r["system"], r["commit"]) for r in rows)
    if len({commit for _, commit in commits}) > 1:
        mixed = [f"{s} at {c}: {n}" for (s, c), n in commits.items()]
        parts.append(f"Fits by commit: {'; '.join(mixed)}.")
    for name, show in PAGES.items():
        own = where(rows, part=name)
        if own:
            parts.append(f"## {name.capitalize()}\n\n{NOTES[name]}\n\n{show(own)}")
    extra = {"Pairs": page_pairs(rows), "Failures": page_failures(rows)}
    parts += [f"## {title}\n\n{text}" for title, text in extra.items() if text]
    return "\n\n".join(parts)


# The command


def exported(commit: str, folder: str) -> str:
    """Put the package of a commit into a folder; its short name."""
    git = ["git", "-C", str(ROOT)]
    source = [*git, "archive", commit, "src"]
    files = subprocess.run(source, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=files, check=True)
    short = [*git, "rev-parse", "--short", commit]
    return subprocess.run(short, capture_output=True, check=True, text=True).stdout.strip()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS), help="comma list")
    parser.add_argument("--systems", default="darts,operon,line,mean", help="comma list")
    parser.add_argument("--before", metavar="COMMIT", help="whose package runs, too")
    parser.add_argument("--seconds", type=float, default=3.0, help="core-seconds of a fit")
    parser.add_argument("--seeds", type=int, help="of every part; else each has its own")
    parser.add_argument("--limit", type=int, metavar="N", help="some jobs of every part")
    parser.add_argument("--jobs", type=int, default=2, help="fits at a time")
    parser.add_argument("--name", help="of the results; else from the conditions")
    parser.add_argument("--again", default="", help="systems to run anew, comma list")
    parser.add_argument("--report", action="store_true", help="only write the page")
    parser.add_argument("--serve", metavar="TREE", help=argparse.SUPPRESS)
    return parser.parse_args()


def work_off(store: Store, options: argparse.Namespace) -> None:
    """Run what is missing."""
    competitors = options.systems.split(",")
    with tempfile.TemporaryDirectory() as folder:
        if options.before:
            os.environ[BEFORE_TREE] = folder
            commit = exported(options.before, folder)
            # Behind ours: two searches that are compared run one after the other.
            competitors.insert(1, f"{BEFORE} {commit}")
        for name in competitors:
            find(name)
        systems([name for name in competitors if name == "operon"], {})  # is it there?
        todo, again = jobs(options, competitors), tuple(options.again.split(","))
        run(store, work, todo, options.jobs, options.seconds, again)


def main() -> None:
    options = arguments()
    if options.serve:
        serve(options.serve)
        return
    usual = "" if options.seconds == 3 else f"_{options.seconds:g}s"
    store = Store(options.name or f"honesty{usual}", KEY)
    if not options.report:
        work_off(store, options)
    write_results(store.name, "Honesty of the choice", about(store), page(store.rows()))


if __name__ == "__main__":
    main()
