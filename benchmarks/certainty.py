"""How sure: do intervals hold what they promise, and are likely equations right?

    python benchmarks/certainty.py --seeds 2 --jobs 2
    python benchmarks/certainty.py --systems darts,gaussian_process
    python benchmarks/certainty.py --report

Twenty laws, with 10 to 200 rows and two levels of noise. Beside ours a Gaussian process
with noise of its own, and a bootstrap of our estimator, which fits it anew to rows drawn
with replacement. An interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from helpers.common import RESULTS, table, write_results
from helpers.honesty_laws import LAWS, _law, names
from helpers.paired import sign_test
from helpers.problems import Problem, numeric, parse
from helpers.report import about, by_commit, failures, mean
from helpers.runs import Row, Store, run
from helpers.systems import Darts, warm_up

KEY = ("system", "problem", "rows", "noise", "seed")
ROWS, NOISES, LEVEL = (10, 20, 50, 200), (0.05, 0.2), 0.9
DARTS, PROCESS, BOOTSTRAP = "darts", "gaussian_process", "bootstrap"
SYSTEMS = (DARTS, PROCESS, BOOTSTRAP)
#: Fits of a bootstrap, which is run with these numbers of rows and seeds alone.
RESAMPLED, RESAMPLED_ROWS, RESAMPLED_SEEDS = 10, (20,), 3
#: Fresh rows inside the range of the rows and outside, up to a quarter of the law's range.
FRESH, BEYOND = 200, 0.25
#: Equations of less weight are not judged; error of one that is the law, and share of the
#: spread of y below which a coefficient is idle.
JUDGED, THE_LAW, IDLE = 0.03, 1e-14, 1e-4
#: Density below which a row counts no more: one bad row is one row.
LEAST_DENSITY = -20.0
ENDS = (0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1.01)
MANY_ROWS = 10_000

#: Two more beside those of the honesty benchmark.
OTHERS = (
    _law("inverse_square", "7/x1**2 + 0.3", (0.7, 4)),
    _law("pendulum", "2.006*sqrt(x1)", (0.1, 3)),
)
PROBLEMS = {**LAWS, **{law.name: law for law in OTHERS}}

METHOD = """\
Twenty laws of psychology, physics and biology with one to three inputs, rows drawn evenly
from their ranges, normal noise of that share of the standard deviation of y. Coverage:
the share of {fresh} fresh rows that a 90 % interval holds, on average over the fits:
*observations* with noise as in the fit, *law* without; *inside* the range of the rows
of the fit, *outside* up to a quarter of the law's range beyond. *Width*: of intervals of
observations, in standard deviations of the noise. *Log score*: mean logarithm of the
density of fresh observations, at least {least:g} a row, in units of the noise's standard
deviation; larger is better. *selected* is our one best equation alone; *all* are all with
their weights. The Gaussian process is scikit-learn's (constant · RBF with a length of each
input + white noise, standardised, 3 restarts); the bootstrap is {resampled} fits of our
estimator to rows drawn with replacement, of which the quantiles of predictions, to which
residuals are added, are the interval. CPU: of the fit."""

RELIABILITY = """\
Of equations with a weight in a range, the share that are the law: the coefficients are
fitted to the law without noise, no error may be left (mean squared error ≤ 1e-14 of the
variance), and every coefficient but the intercept must matter (1e-4 of the spread)."""


class Sample(NamedTuple):
    """Rows of a fit, and fresh ones with and without noise."""

    X: np.ndarray
    y: np.ndarray
    spread: float  #: standard deviation of the noise
    inside: np.ndarray
    outside: np.ndarray
    law: Callable[[np.ndarray], np.ndarray]
    rng: np.random.Generator


def drawn(problem: Problem, rows: int, noise: float, seed: int) -> Sample:
    known = names(len(problem.variables))
    law = numeric([*known.values()], parse(problem.expression, known))
    low, high = (
        np.array([getattr(v, end) for v in problem.variables], float)
        for end in ("low", "high")
    )
    key = [seed, rows, round(100 * noise), *problem.name.encode()]
    rng = np.random.default_rng(key)
    X = rng.uniform(low, high, (rows, len(low)))
    spread = noise * float(np.std(law(rng.uniform(low, high, (2000, len(low))))))
    y = law(X) + spread * rng.normal(size=rows)
    inside = rng.uniform(X.min(axis=0), X.max(axis=0), (FRESH, len(low)))
    room = BEYOND * (high - low)
    wide = rng.uniform(low - room, high + room, (50 * FRESH, len(low)))
    with np.errstate(all="ignore"):
        able = np.isfinite(law(wide))
    able &= ((wide < X.min(axis=0)) | (wide > X.max(axis=0))).any(axis=1)
    # What is positive in all rows, such as a mass, stays so.
    able &= ((wide > 0) | (low < 0)).all(axis=1)
    return Sample(X, y, spread, inside, wide[able][:FRESH], law, rng)


# Fits


def work(job: Row) -> Row:
    """One fit, from the name of its law to its scores."""
    warnings.simplefilter("ignore")
    sample = drawn(PROBLEMS[job["problem"]], job["rows"], job["noise"], job["seed"])
    return {DARTS: _darts, PROCESS: _process, BOOTSTRAP: _bootstrap}[job["system"]](
        sample, job["seed"]
    )


def _scored(
    sample: Sample,
    intervals: Callable[[np.ndarray, str], np.ndarray],
    density: Callable[[np.ndarray, np.ndarray], np.ndarray] | None,
) -> Row:
    """Coverage and log scores inside and outside; intervals by rows and kind."""
    found: Row = {}
    for where in ("inside", "outside"):
        X = getattr(sample, where)
        law = sample.law(X)
        y = law + sample.spread * sample.rng.normal(size=len(X))
        for kind, truth in (("observation", y), ("mean", law)):
            low, high = intervals(X, kind).T
            found[f"{kind}_{where}"] = float(np.mean((low <= truth) & (truth <= high)))
            if kind == "observation":
                width = float(np.median((high - low) / sample.spread))
                found[f"width_{where}"] = width if math.isfinite(width) else None
        if density is not None:
            log = density(X, y) + math.log(sample.spread)
            found[f"score_{where}"] = float(np.mean(np.maximum(log, LEAST_DENSITY)))
    return found


def _darts(sample: Sample, seed: int) -> Row:
    warm_up(DARTS, Darts())
    fitted = Darts().fitted(sample.X, sample.y, None, seed)
    model, found = fitted.estimator, {}
    for equations in ("all", "selected"):

        def intervals(X: np.ndarray, kind: str, equations: str = equations) -> np.ndarray:
            return model.predict_interval(X, LEVEL, kind=kind, equations=equations)

        def density(X: np.ndarray, y: np.ndarray, equations: str = equations) -> np.ndarray:
            return _log_density(model._predictive(X, equations=equations), y)

        scores = _scored(sample, intervals, density)
        found |= {f"{name}_{equations}": value for name, value in scores.items()}
    many = sample.rng.uniform(
        sample.X.min(axis=0), sample.X.max(axis=0), (MANY_ROWS, sample.X.shape[1])
    )
    start = time.process_time()
    model.predict_interval(many)
    seconds = time.process_time() - start
    weights = model.equations_["weight"].to_numpy()
    judged = [
        [float(w), _is_the_law(row.model, sample)]
        for w, row in zip(weights, model._rows, strict=True)
        if w >= JUDGED
    ]
    equation = model.model_repr().splitlines()[-1][:300]
    return found | {
        "cpu": fitted.cpu, "interval_seconds": seconds, "judged": judged,
        "equation": equation,
    }  # fmt: skip


def _log_density(found: Any, y: np.ndarray) -> np.ndarray:
    """Of the mixture at every row."""
    scale = np.sqrt(found.variance[:, :, 0] + found.noise)
    mean, free = found.mean[:, :, 0], np.maximum(found.freedom, 1e-3)[:, None]
    with np.errstate(all="ignore"):
        part = student.logpdf((y - mean) / scale, free) - np.log(scale)
        part = np.where(np.isfinite(part), part, -np.inf) + np.log(found.weight)[:, None]
        return np.logaddexp.reduce(part, axis=0)


def _is_the_law(model: Any, sample: Sample) -> bool:
    """Whether an equation is the law but for its numbers; see `RELIABILITY`."""
    from autora.skl.darts.fitting.coefficients import places
    from autora.skl.darts.fitting.derivatives import jacobian, values
    from autora.skl.darts.fitting.problem import Problem as Rows
    from autora.skl.darts.fitting.refit import levenberg_marquardt

    X = np.concatenate([sample.inside, sample.X])
    y = sample.law(X)
    rows = Rows(X, y[:, None], np.ones(len(y)), True, True, True)
    fit = levenberg_marquardt(rows, model, 200)
    if not fit.loss <= THE_LAW * np.var(y):
        return False
    where = [place for place in places(fit.model, rows) if place.kind != "bias"]
    moves = jacobian(rows, fit.model, where) * values(fit.model, where)
    return bool((np.sqrt(np.mean(moves**2, axis=0)) > IDLE * np.std(y)).all())


def _process(sample: Sample, seed: int) -> Row:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    X, y = sample.X, sample.y
    centre, size = X.mean(axis=0), X.std(axis=0)
    kernel = ConstantKernel() * RBF(np.ones(X.shape[1])) + WhiteKernel(0.1)
    model = GaussianProcessRegressor(
        kernel, normalize_y=True, n_restarts_optimizer=3, random_state=seed
    )
    start = time.process_time()
    model.fit((X - centre) / size, y)
    cpu = time.process_time() - start
    noise = model.kernel_.k2.noise_level * model._y_train_std**2
    factor = student.ppf((1 + LEVEL) / 2, np.inf)

    def predicted(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return model.predict((X - centre) / size, return_std=True)

    def intervals(X: np.ndarray, kind: str) -> np.ndarray:
        middle, std = predicted(X)
        if kind == "mean":
            std = np.sqrt(np.maximum(std**2 - noise, 0.0))
        return np.column_stack([middle - factor * std, middle + factor * std])

    def density(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        middle, std = predicted(X)
        return student.logpdf((y - middle) / std, np.inf) - np.log(std)

    scores = _scored(sample, intervals, density)
    return {f"{name}_all": value for name, value in scores.items()} | {"cpu": cpu}


def _bootstrap(sample: Sample, seed: int) -> Row:
    warm_up(DARTS, Darts())
    n, cpu = len(sample.y), 0.0
    models, rests = [], []
    for again in range(RESAMPLED):
        rows = sample.rng.integers(n, size=n)
        fitted = Darts().fitted(sample.X[rows], sample.y[rows], None, seed + 1000 * again)
        cpu += fitted.cpu
        models.append(fitted.estimator)
        left = np.setdiff1d(np.arange(n), rows)
        rests.append(sample.y[left] - fitted.estimator.predict(sample.X[left]))
    errors = sample.rng.choice(np.concatenate(rests), (RESAMPLED, 50))

    def intervals(X: np.ndarray, kind: str) -> np.ndarray:
        found = np.array([model.predict(X) for model in models])
        if kind == "observation":
            found = (found[:, None, :] + errors[:, :, None]).reshape(-1, len(X))
        ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
        return np.quantile(found, ends, axis=0).T

    scores = _scored(sample, intervals, None)
    return {f"{name}_all": value for name, value in scores.items()} | {"cpu": cpu}


# The page


def jobs(options: argparse.Namespace) -> list[Row]:
    systems = options.systems.split(",")
    if unknown := [name for name in systems if name not in SYSTEMS]:
        raise ValueError(f"--systems: unknown system {unknown}; there are {SYSTEMS}")
    wanted = options.problems.split(",")
    chosen = [name for name in PROBLEMS if any(part in name for part in wanted)]
    return [
        {"system": s, "problem": p, "rows": n, "noise": noise, "seed": seed}
        for seed in range(options.first, options.first + options.seeds)
        for p in chosen
        for n in ROWS
        for noise in NOISES
        for s in systems
        if s != BOOTSTRAP or (n in RESAMPLED_ROWS and seed < RESAMPLED_SEEDS)
    ]


def _share(rows: Sequence[Row], name: str) -> str:
    known = [row[name] for row in rows if row.get(name) is not None]
    return f"{100 * np.mean(known):.1f}" if known else ""


def _coverage(rows: list[Row]) -> str:
    headers = ["rows", "noise", "system", "fits", "observations inside, %", "outside, %"]
    headers += ["law inside, %", "outside, %", "width inside", "log score inside"]
    headers += ["outside", "mean CPU s"]
    lines = []
    for n, noise in [*((n, z) for n in ROWS for z in NOISES), (None, None)]:
        for system, which in (*((DARTS, w) for w in ("all", "selected")), (PROCESS, "all")):
            lines.append(_line(rows, n, noise, system, which))
        lines.append(_line(rows, n, noise, BOOTSTRAP, "all"))
    return table(headers, [line for line in lines if line[3]])


def _line(
    rows: list[Row], n: int | None, noise: float | None, system: str, which: str
) -> list[Any]:
    own = [r for r in rows if r["system"] == system and "error_text" not in r]
    if n is not None:
        own = [r for r in own if (r["rows"], r["noise"]) == (n, noise)]
    line: list[Any] = ["all" if n is None else n, "all" if noise is None else f"{noise:g}"]
    line += [f"{system}, {which}" if system == DARTS else system, len(own)]
    for kind in ("observation", "mean"):
        line += [_share(own, f"{kind}_{w}_{which}") for w in ("inside", "outside")]
    widths = [r[f"width_inside_{which}"] for r in own if r.get(f"width_inside_{which}")]
    line.append(f"{np.median(widths):.2f}" if widths else "")
    for where in ("inside", "outside"):
        known = [r[f"score_{where}_{which}"] for r in own if f"score_{where}_{which}" in r]
        line.append(f"{np.mean(known):.3f}" if known else "")
    return [*line, mean(own, "cpu")]


def _reliability(rows: list[Row]) -> str:
    pairs = np.array([p for row in rows for p in row.get("judged", [])], float)
    lines = []
    for low, high in pairwise(ENDS):
        own = pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < high)] if len(pairs) else pairs
        if len(own):
            line = [f"{low:g} to {min(high, 1):g}", len(own), f"{own[:, 0].mean():.2f}"]
            lines.append([*line, f"{own[:, 1].mean():.2f}"])
    return table(["weight", "equations", "mean weight", "right"], lines)


def picture(rows: list[Row], path: Path) -> None:
    """How often equations are right against what they weigh, with 90 % of chance."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = path.stem
    pairs = np.array([p for row in rows for p in row.get("judged", [])], float)
    figure, ax = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
    ax.plot([0, 1], [0, 1], color="#9AA3AB", lw=1.2, zorder=1)
    for low, high in pairwise(ENDS):
        own = pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < high)]
        if len(own):
            weight, right, n = own[:, 0].mean(), own[:, 1].mean(), len(own)
            # Wilson's interval: a share of few is uncertain, and lies between 0 and 1.
            z2 = 1.645**2
            middle = (right + z2 / (2 * n)) / (1 + z2 / n)
            half = np.sqrt(z2 * right * (1 - right) / n + z2**2 / (4 * n**2))
            half /= 1 + z2 / n
            ax.plot([weight] * 2, [middle - half, middle + half], color="#0072B2", lw=2)
            ax.plot(weight, right, "o", color="#0072B2", ms=7)
            ax.annotate(
                str(n), (weight, right), (7, -4), textcoords="offset points", fontsize=8
            )
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="weight", ylabel="share that is the law")
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _paired(rows: list[Row]) -> str:
    own = [row for row in rows if row["system"] == DARTS and "error_text" not in row]
    lines = []
    for where in ("inside", "outside"):
        gains = [r[f"score_{where}_all"] - r[f"score_{where}_selected"] for r in own]
        better, worse = sum(g > 1e-9 for g in gains), sum(g < -1e-9 for g in gains)
        p = sign_test(better, worse)
        lines.append(
            [where, len(gains), f"{np.mean(gains):.3f}", better, worse, f"{p:.2g}"]
        )
    headers = [
        "rows",
        "fits",
        "mean gain of log score",
        "all better",
        "selected better",
        "p",
    ]
    return table(headers, lines)


def page(rows: list[Row]) -> str:
    if not rows:
        return "No results yet."
    text = METHOD.format(fresh=FRESH, least=LEAST_DENSITY, resampled=RESAMPLED)
    parts = [text.replace("\n", " ") + by_commit(rows), _coverage(rows)]
    times = [r["interval_seconds"] for r in rows if "interval_seconds" in r]
    if times:
        parts.append(
            f"Intervals of {MANY_ROWS:,} rows after the fit: median "
            f"{np.median(times):.3f}, at most {max(times):.3f} core-seconds."
        )
        parts += ["## All equations and the selected one", _paired(rows)]
        parts += ["## Are likely equations right?", RELIABILITY, _reliability(rows)]
        parts.append("![Share that is right against weight](certainty.svg)")
    failed = failures(rows)
    return "\n\n".join(parts + ([f"## Failures\n\n{failed}"] if failed else []))


def _told(row: Row) -> str:
    case = f"{row['rows']} rows, noise {row['noise']:g}"
    return f"{case}: {100 * row['observation_inside_all']:.0f} % inside, {row['cpu']:.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--problems", default="", help="comma list of parts of names")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--jobs", type=int, default=1, help="fits at a time, a core each")
    parser.add_argument("--name", default="certainty", help="of the results")
    parser.add_argument("--again", default="", help="systems to run anew, comma list")
    parser.add_argument("--report", action="store_true", help="only write the page")
    options = parser.parse_args()
    store = Store(options.name, KEY)
    if not options.report:
        again = tuple(options.again.split(","))
        run(store, work, jobs(options), options.jobs, 120.0, again, tell=_told)
    rows = store.rows()
    if any(row.get("judged") for row in rows):
        picture(rows, RESULTS / "certainty.svg")
    write_results(options.name, "How sure", about(store), page(rows))


if __name__ == "__main__":
    main()
