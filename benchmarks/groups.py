"""Groups of rows, such as participants: one law for all, with constants of their own.

    python benchmarks/groups.py --seeds 1 --jobs 2
    python benchmarks/groups.py --parts laws --seeds 3
    python benchmarks/groups.py --report

Four parts: ``class``, the eight problems of Class Symbolic Regression, with one
realisation and with ten; ``laws``, ten laws of psychology with twenty participants;
``cost``, what a refit takes with up to a thousand groups; ``real``, measurements of sleep.
An interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import math
import statistics
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from helpers.common import r2, table, write_results
from helpers.groups import Form, Group, coverage, drawn, form_of, with_constants, written
from helpers.problems import Data, Problem, find, load
from helpers.report import about, by_commit, failures, mean, names, one_line, share
from helpers.runs import Row, Store, run
from helpers.scores import GOOD_R2, LONGEST, score, timed
from helpers.systems import Darts, Fitted, warm_up

KEY = ("system", "part", "problem", "groups", "noise", "seed")
DARTS = "darts"
CLASS, LAWS, COST, REAL = "class", "laws", "cost", "real"
FILES = {CLASS: "class_sr", LAWS: "group_laws"}
NOISES, SECONDS, ROWS = (0.0, 0.001, 0.01, 0.1), 10.0, 100
REALISATIONS = (1, 10)
#: Of the laws: people, trials of each, noise as a share of the standard deviation of y,
#: fresh rows of each person.
PARTICIPANTS, TRIALS, LAW_NOISE, FRESH = 20, 30, 0.1, 100
#: Standard errors on both sides that hold 90 % of a normal distribution.
WIDTH = 1.645
#: Groups of a refit whose time is taken, rows of each, repeats, steps at most.
SIZES, COST_ROWS, REPEATS, STEPS = (1, 10, 100, 1000), 100, 7, 60
COST_LAW = "a*exp(b*x1)"
#: What is asked of the measurements, and the last day that is seen where later ones are.
QUESTIONS, LAST_DAY = ("all", "later days", "other people"), 6
#: Seeds of the rows of two groups, and of two fits, are never the same.
APART = 1000
#: PhySO by problem, in percent of 5 runs: recovered, and R² > .999, each at the noises of
#: `NOISES` with 1 realisation and then with 10.
PHYSO = {
    "harmonic_oscillator": (
        (100, 100, 100, 100, 100, 100, 100, 100),
        (100, 100, 100, 100, 20, 40, 40, 0),
    ),
    "radioactive_decay": (
        (100, 100, 100, 80, 100, 100, 100, 100),
        (100, 100, 80, 60, 100, 100, 100, 100),
    ),
    "free_fall": (
        (100, 100, 20, 0, 100, 100, 100, 40),
        (100, 100, 100, 20, 100, 100, 100, 100),
    ),
    "damped_oscillator_a": (
        (0, 0, 0, 0, 0, 0, 0, 0),
        (0, 0, 0, 0, 0, 0, 0, 0),
    ),
    "damped_oscillator_b": (
        (0, 0, 0, 0, 60, 60, 20, 0),
        (0, 0, 0, 0, 0, 0, 0, 0),
    ),
    "black_body": (
        (100, 100, 60, 0, 100, 100, 80, 60),
        (100, 100, 100, 60, 100, 100, 100, 100),
    ),
    "ideal_gas": (
        (100, 100, 100, 100, 100, 100, 100, 100),
        (100, 100, 100, 0, 100, 100, 100, 60),
    ),
    "terminal_velocity": (
        (100, 100, 100, 80, 100, 100, 100, 100),
        (100, 100, 100, 0, 100, 100, 100, 0),
    ),
}

METHOD = """\
One estimator with its defaults and `fit(X, y, groups=...)`; one realisation alone is an
ordinary fit. *Form*: the law up to its constants. They are fitted to what was found,
group by group, without noise; nothing but rounding may be left (mean squared error ≤
1e-16 of the variance), and no constant that groups share may be off by more than a
factor of two. *Extended*: of these, fits in which the law has something added or a
factor besides, which SRBench's rule allows. *Differs*: of these constants exactly those
differ between the groups that do in the law. R² is that of fresh rows without noise, of
all groups together. What is judged are the coefficients of the groups; those of the
population are judged by *new* alone. Times are core-seconds of one core; imports and
compilers are warm."""

CLASS_METHOD = """\
The problems of Tenachi et al. (2024, arXiv 2312.01816), as the package physo publishes
them (`problems/class_sr.json`), with 1 and with 10 realisations whose constants are
drawn anew; normal noise of that fraction of the root mean square of y of a realisation,
on the training targets only. *Symbolic*: SRBench's rule in every realisation, with
constants rounded to three decimals f − f* or f / f* is a constant; with noise the
fitted constants have other decimals, and a sine is no cosine once its phase is rounded,
so that *form* is the measure. PhySO's figures are those of its repository
(WassimTenachi/PhySO, `benchmarking/ClassBenchmark/results/results_summary.csv`): 5 runs
of 200,000 expressions, 100 rows in a realisation, no units. They were not measured
here, and its rule is another: an expression anywhere on the Pareto front, in one
realisation, constants rounded to one decimal. *R² > .999* is its accuracy solution
rate, of the most accurate expression. The budget is `max_time`, which limits the
search; what comes after it, as the choice of what differs, is in the times, too."""

LAWS_METHOD = """\
Ten laws (`problems/group_laws.json`), {people} simulated participants with {trials}
trials each, whose constants come from log-normal populations; normal noise of {noise:g}
times the standard deviation of y over all rows. Errors are root mean squares over
{fresh} fresh rows of every participant, in units of that standard deviation, against
the law without noise. *Own*: `of_group` of the fit to all. *Alone*: the law itself,
given by `from_equation`, fitted to the rows of each participant; it has the form that
the other has to find, and the true values of what the participants share. *Nearer*:
participants of whom *own* has the smaller error. *Inside*: how many of the
participants' true constants lie within ± 1.645 standard errors, 90 % if these are
right; over fits whose coefficients are constants of the law, and those where the law is
extended apart. Participants of one fit share what it estimates for all, so that their
errors are not independent. *New*: as many participants who were not in the fit,
predicted by the population; *median*: by the law with the medians of the true
population, the best that is known of someone new."""

COST_METHOD = """\
`fitting.grouped.fitted` on a·exp(b·x) with a of every group and b of all, {rows} rows a
group, 10 % noise, from the coefficients of the first group; beside it
`levenberg_marquardt` on the same rows with nothing that differs. Core-seconds, medians
of {repeats}. Fitted exponent: least squares of the logarithms."""


REAL_METHOD = """\
Reaction times, in ms, of 18 participants after 0 to 9 days of little sleep (Belenky et
al. 2003; `data/sleepstudy.csv`), as measured. Root mean square errors in ms: on all rows,
which were fitted; on days 7 to 9 after a fit to days 0 to 6; and on the days of every
participant in turn after a fit to the 17 others. *Own*: the participant's coefficients;
*line*: a straight line fitted to the participant's own rows; *population*: the
coefficients of somebody new. lme4 reports for this table, with lines of participants whose
intercepts and slopes do not depend on one another: 251.4 + 10.47·Days, spreads 25.1 and
5.99 (REML; Bates et al. 2015, J. Stat. Softw. 67)."""


# Fits


def work(job: Row) -> Row:
    """One fit, from the name of its problem to its scores."""
    return {CLASS: _class, LAWS: _law, COST: _cost, REAL: _real}[job["part"]](job)


def _warm() -> None:
    warm_up("groups", Darts(known={"groups": np.arange(50) % 2}))
    warm_up("alone", Darts())


def _fit(
    data: Sequence[Data], y: np.ndarray, seconds: float | None, seed: int
) -> tuple[Fitted, list[Fitted]]:
    """The fit of all rows, and what it says of every group."""
    _warm()
    X = np.concatenate([d.X for d in data])
    labels = np.repeat(np.arange(len(data)), [len(d.X) for d in data])
    known = {"groups": labels} if len(data) > 1 else {}
    fitted = Darts(known=known).fitted(X, y, seconds, seed)
    if len(data) == 1:
        return fitted, [fitted]
    return fitted, [fitted.of_group(label) for label in range(len(data))]


def _predict(fitted: Fitted) -> Callable[[np.ndarray], np.ndarray]:
    return lambda X: np.asarray(fitted.estimator.predict(X), float).ravel()


def _rows_of(groups: Sequence[Group], rows: int, seed: int, noise: float) -> list[Data]:
    return [g.problem.draw(rows, APART * seed + i, noise) for i, g in enumerate(groups)]


def _described(fitted: Fitted) -> Row:
    equation = fitted.estimator.model_repr(decimals_to_display=4)
    times = {"wall": round(fitted.wall, 4), "cpu": round(fitted.cpu, 4)}
    return {**times, "equation": equation[:LONGEST]}


def _form(
    problem: Problem, groups: Sequence[Group], data: Sequence[Data], parts: list[Fitted]
) -> Form | None:
    rows = [d.X_test for d in data]
    return form_of(problem, groups, rows, [_predict(part) for part in parts])


def _judged(form: Form | None) -> Row:
    if form is None:
        return {"form": False, "extended": None, "differs": None, "varying": None}
    found = {"form": True, "extended": form.extended, "varying": form.varying}
    alone = len(form.constants) == 1
    return found | {"differs": None if alone else form.as_the_law}


def _class(job: Row) -> Row:
    problem, seed = find(job["problem"]), job["seed"]
    groups = drawn(problem, job["groups"], seed)
    data = _rows_of(groups, job["rows"], seed, job["noise"])
    y = np.concatenate([d.y for d in data])
    fitted, parts = _fit(data, y, job["seconds"], seed)
    form = _form(problem, groups, data, parts)
    with np.errstate(all="ignore"):
        found = [_predict(p)(d.X_test) for p, d in zip(parts, data, strict=True)]
    test = r2(np.concatenate([d.y_test for d in data]), np.concatenate(found))
    return {
        **_judged(form),
        **_symbolic(groups, data, parts),
        "r2_test": test if math.isfinite(test) else None,
        "good": test > GOOD_R2,
        **_described(fitted),
    }


def _symbolic(groups: Sequence[Group], data: Sequence[Data], parts: list[Fitted]) -> Row:
    """SRBench's rule, which has to hold in every group."""
    for group, one, part in zip(groups, data, parts, strict=True):
        found = score(group.problem, one, part.fit())
        if not found["symbolic"]:
            return {k: v for k, v in found.items() if k.startswith("symbolic")}
    return {"symbolic": True}


def _law(job: Row) -> Row:
    problem, seed, count = find(job["problem"]), job["seed"], job["groups"]
    everyone = drawn(problem, 2 * count, seed)
    groups, new = everyone[:count], everyone[count:]
    data = _rows_of(groups, job["rows"], seed, 0.0)
    clean = np.concatenate([d.y for d in data])
    unit = float(clean.std())
    noise = np.random.default_rng([seed, APART]).normal(0, job["noise"] * unit, len(clean))
    fitted, parts = _fit(data, clean + noise, None, seed)
    fresh = _rows_of(groups, FRESH, seed + 1, 0.0)
    truths = [d.y for d in fresh]
    targets = np.split(clean + noise, len(data))
    laws = _alone(problem, data, targets)
    own, alone = (
        [
            _error(predict(d.X), t, unit)
            for predict, d, t in zip(all_, fresh, truths, strict=True)
        ]
        for all_ in ([_predict(p) for p in parts], laws)
    )
    form = _form(problem, groups, data, parts)
    inside = (0, 0)
    if form is not None:
        inside = coverage(form, groups, _coefficients(fitted, count), WIDTH)
    return {
        **_judged(form),
        "own": own, "alone": alone, "inside": inside[0], "of": inside[1],
        **_strangers(problem, new, seed, fitted, unit),
        **_described(fitted),
    }  # fmt: skip


def _error(found: np.ndarray, truth: np.ndarray, unit: float) -> float | None:
    """Root mean square; None where a prediction is not finite."""
    error = float(np.sqrt(np.mean((found - truth) ** 2)) / unit)
    return error if math.isfinite(error) else None


def _alone(
    problem: Problem, data: Sequence[Data], targets: Sequence[np.ndarray]
) -> list[Callable[[np.ndarray], np.ndarray]]:
    """The law itself, fitted to the rows of each participant."""
    from autora.skl.darts import DARTSRegressor

    found = []
    for one, y in zip(data, targets, strict=True):
        law = DARTSRegressor.from_equation(written(problem), random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            law.fit(one.X, y)
        found.append(_predict(Fitted(law, 0.0, 0.0, None)))
    return found


def _coefficients(fitted: Fitted, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """What differs between groups: the values of all groups and their errors."""
    every = fitted.estimator.coefficients_
    own = every[every["group"].notna()]
    found = []
    for _, rows in own.groupby("term", sort=False):
        rows = rows.sort_values("group")
        if len(rows) == count:
            found.append(
                (rows["coefficient"].to_numpy(), rows["standard_error"].to_numpy())
            )
    return found


def _strangers(
    problem: Problem, new: Sequence[Group], seed: int, fitted: Fitted, unit: float
) -> Row:
    """Errors on participants who were not in the fit: ours, and that of the medians."""
    data = _rows_of(new, FRESH, seed + 2, 0.0)
    X, y = np.concatenate([d.X for d in data]), np.concatenate([d.y for d in data])
    middle = with_constants(problem, [c.middle for c in problem.constants])
    found = _error(_predict(fitted)(X), y, unit)
    return {"new": found, "new_median": _error(middle.function(X), y, unit)}


def _cost(job: Row) -> Row:
    from autora.skl.darts import DARTSRegressor
    from autora.skl.darts.fitting.grouped import all_places, fitted, with_effects
    from autora.skl.darts.fitting.problem import Problem as Rows
    from autora.skl.darts.fitting.refit import levenberg_marquardt

    count, rows = job["groups"], job["rows"]
    rng = np.random.default_rng([job["seed"], count])
    number = np.repeat(np.arange(count), rows)
    x = rng.uniform(0, 3, len(number))
    clean = 2 * np.exp(0.3 * rng.normal(size=count))[number] * np.exp(-0.7 * x)
    y = clean + rng.normal(0, job["noise"] * clean.std(), len(clean))
    first = DARTSRegressor.from_equation(COST_LAW, random_state=0)
    model = first.fit(x[:rows, None], y[:rows]).model_
    problem = Rows(
        np.column_stack([x, number]), y[:, None], np.ones(len(y)),
        train_readout=True, sparse_readout=True, groups=count,
    )  # fmt: skip
    places = all_places(model, problem)
    varying = [place for place in places if place.kind == "readout"]
    assert (len(places), len(varying)) == (2, 1), places
    start = with_effects(model, varying, count)
    alike = problem.without_groups()
    times: dict[str, list[float]] = {"grouped": [], "ordinary": []}
    for _ in range(REPEATS):
        found, _, cpu = timed(lambda: fitted(problem, start, STEPS))
        times["grouped"].append(cpu)
        times["ordinary"].append(timed(lambda: levenberg_marquardt(alike, model, STEPS))[2])
    medians = {name: statistics.median(t) for name, t in times.items()}
    # Of the noise, whose coefficients are one per group and one for all.
    expected = (job["noise"] * clean.std()) ** 2 * (1 - (count + 1) / len(y))
    total = sum(map(sum, times.values()))
    return {**medians, "loss": found.loss / expected, "wall": total, "cpu": total}


def _real(job: Row) -> Row:
    """Reaction times after days of little sleep, of 18 participants."""
    import pandas as pd

    from autora.skl.darts import DARTSRegressor

    table = pd.read_csv(Path(__file__).parent / "data" / "sleepstudy.csv")
    X, y, who = table[["Days"]], table["Reaction"].to_numpy(), table["Subject"].to_numpy()
    errors: dict[str, list[np.ndarray]] = {"own": [], "line": [], "population": []}
    _warm()
    total = 0.0
    for seen, new in _splits(job["problem"], table):
        model = DARTSRegressor(random_state=job["seed"])
        _, _, cpu = timed(partial(model.fit, X[seen], y[seen], groups=who[seen]))
        total += cpu
        errors["population"].append(y[new] - model.predict(X[new]))
        if job["problem"] == "other people":
            continue
        errors["own"].append(y[new] - model.predict(X[new], who[new]))
        for one in np.unique(who):
            rows, asked = seen & (who == one), new & (who == one)
            line = np.polyfit(X["Days"][rows], y[rows], 1)
            errors["line"].append(y[asked] - np.polyval(line, X["Days"][asked]))
    found: Row = {"equation": model.model_repr(decimals_to_display=4)}
    for name, parts in errors.items():
        all_ = np.concatenate(parts) if parts else None
        found[name] = None if all_ is None else float(np.sqrt(np.mean(all_**2)))
    return found | {"wall": total, "cpu": total}


def _splits(question: str, table: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows that a fit sees, and those that it is asked about."""
    who, every = table["Subject"].to_numpy(), np.ones(len(table), bool)
    if question == "all":
        return [(every, every)]
    if question == "later days":
        early = table["Days"].to_numpy() <= LAST_DAY
        return [(early, ~early)]
    return [(who != one, who == one) for one in np.unique(who)]


# Which fits


def chosen(part: str, parts: str) -> list[Problem]:
    """The problems of a part whose name has one of the comma-separated pieces."""
    wanted = parts.split(",")
    return [p for p in load(file=FILES[part]) if any(w in p.name for w in wanted)]


def jobs(options: argparse.Namespace) -> list[Row]:
    parts = options.parts.split(",")
    known = [CLASS, LAWS, COST, REAL]
    unknown = [part for part in parts if part not in known]
    if unknown:
        raise ValueError(f"--parts: unknown part {unknown}; there are {known}")
    found: list[Row] = []
    for seed in range(options.seeds):
        if CLASS in parts:
            found += _class_jobs(options, seed)
        if LAWS in parts:
            found += [
                _job(LAWS, p.key, PARTICIPANTS, LAW_NOISE, seed, TRIALS)
                for p in chosen(LAWS, options.problems)
            ]
    if COST in parts:
        found += [_job(COST, "cost", g, 0.1, 0, COST_ROWS) for g in SIZES]
    if REAL in parts:
        found += [_job(REAL, question, 18, 0.0, 0, 10) for question in QUESTIONS]
    if not found:
        raise ValueError(
            f"--problems {options.problems!r} is in no name: give pieces of names such as "
            f"free_fall, as in problems/{FILES[CLASS]}.json and {FILES[LAWS]}.json"
        )
    return found


def _class_jobs(options: argparse.Namespace, seed: int) -> list[Row]:
    return [
        _job(CLASS, p.key, groups, noise, seed, options.rows) | {"seconds": options.seconds}
        for noise in map(float, options.noises.split(","))
        for p in chosen(CLASS, options.problems)
        for groups in REALISATIONS
    ]


def _job(part: str, problem: str, groups: int, noise: float, seed: int, rows: int) -> Row:
    return {
        "system": DARTS, "part": part, "problem": problem, "groups": groups,
        "noise": noise, "seed": seed, "rows": rows,
    }  # fmt: skip


def default_name(options: argparse.Namespace) -> str:
    """Results of unequal conditions are never mixed in one file."""
    name = "groups" + (f"_{options.seconds:g}s" if options.seconds != SECONDS else "")
    return name + (f"_rows{options.rows}" if options.rows != ROWS else "")


# The page


def _name(row: Row) -> str:
    return str(row["problem"]).split("/")[-1]


def _physo(problems: Iterable[str], groups: int, noise: float, which: int) -> str:
    """PhySO's percentage over these problems; nothing where it has no figure."""
    if noise not in NOISES or groups not in REALISATIONS:
        return ""
    at = REALISATIONS.index(groups) * len(NOISES) + NOISES.index(noise)
    figures = [PHYSO[p][which][at] for p in problems if p in PHYSO]
    return f"{statistics.mean(figures):.0f} %" if figures else ""


def _class_summary(rows: list[Row]) -> str:
    headers = ["noise", "realisations", "fits", "form", "extended", "differs", "symbolic"]
    headers += ["R² > .999", "mean CPU s", "failed", "SymPy gave up"]
    headers += ["PhySO: recovered", "PhySO: R² > .999"]
    lines = []
    for noise, groups in sorted({(r["noise"], r["groups"]) for r in rows}):
        own = [r for r in rows if (r["noise"], r["groups"]) == (noise, groups)]
        line = [f"{noise:g}", groups, len(own), share(own, "form")]
        line += [share(own, "extended"), share(own, "differs") if groups > 1 else ""]
        line += [share(own, "symbolic"), share(own, "good"), mean(own, "cpu")]
        line += [sum(n in r for r in own) for n in ("error_text", "symbolic_note")]
        problems = dict.fromkeys(map(_name, own))
        lines.append([*line, *(_physo(problems, groups, noise, w) for w in (0, 1))])
    return table(headers, lines)


def _by_problem(rows: list[Row]) -> str:
    """Form of ours, and what PhySO recovered, problem by problem."""
    conditions = sorted({(r["noise"], r["groups"]) for r in rows})
    headers = ["problem", *(f"noise {n:g}, {g}" for n, g in conditions)]
    lines = []
    for name in dict.fromkeys(map(_name, rows)):
        line = [name]
        for noise, groups in conditions:
            own = [r for r in rows if _name(r) == name]
            own = [r for r in own if (r["noise"], r["groups"]) == (noise, groups)]
            ours = f"{sum(bool(r.get('form')) for r in own)} of {len(own)}"
            theirs = _physo([name], groups, noise, 0)
            line.append(f"{ours}; {theirs}" if theirs else ours)
        lines.append(line)
    return table(headers, lines)


def _missed(rows: list[Row]) -> str:
    """Fits that are another form, or differ in something else, and what they found."""
    lines = []
    for row in rows:
        if row.get("form") and row.get("differs") is not False:
            continue
        if "error_text" in row:
            continue
        why = "another form"
        if row["form"]:
            why = "something else differs"
        where = f"{_name(row)}, {row['groups']} groups, noise {row['noise']:g}"
        lines.append(f"- {where}, seed {row['seed']}, {why}: `{one_line(row['equation'])}`")
    return "\n".join(lines)


def _class_page(rows: list[Row]) -> list[str]:
    seeds, budget, training = (
        ", ".join(f"{value:g}" for value in found)
        for found in (
            [len(names(rows, "seed"))], names(rows, "seconds"), names(rows, "rows")
        )
    )  # fmt: skip
    here = f"Here: {seeds} seeds, a budget of {budget} core-seconds, {training} training "
    here += "rows in a realisation."
    parts = ["## Class symbolic regression", CLASS_METHOD, here, _class_summary(rows)]
    parts += ["Fits that have the form of the law; what PhySO recovered of it:"]
    parts += [_by_problem(rows)]
    missed = _missed(rows)
    return parts + ([f"### Problems not recovered\n\n{missed}"] if missed else [])


def _root_mean_square(values: Iterable[float | None]) -> str:
    """Of errors, or nothing where one is unknown."""
    found = list(values)
    if not found or any(v is None for v in found):
        return ""
    return f"{np.sqrt(np.mean(np.square(np.array(found, float)))):.4f}"


def _inside(rows: list[Row], extended: bool) -> str:
    """How many intervals hold the true constant, over fits with this form of the law."""
    own = [row for row in rows if row["extended"] is extended]
    inside, of = (sum(row[column] for row in own) for column in ("inside", "of"))
    return f"{inside} of {of} ({100 * inside / of:.0f} %)" if of else ""


def _law_line(name: str, rows: list[Row]) -> list[Any]:
    done = [row for row in rows if "error_text" not in row]
    own = [v for row in done for v in row["own"]]
    alone = [v for row in done for v in row["alone"]]
    both = [(a, b) for a, b in zip(own, alone, strict=True) if a is not None]
    nearer = sum(b is None or a < b for a, b in both)
    line = [name, len(rows)]
    line += [share(rows, column) for column in ("form", "extended", "differs")]
    line += [_root_mean_square(own), _root_mean_square(alone)]
    line += [f"{nearer} of {len(alone)}"]
    line += [_inside(done, False), _inside(done, True)]
    line += [_root_mean_square(row[c] for row in done) for c in ("new", "new_median")]
    return [*line, mean(rows, "cpu"), len(rows) - len(done)]


def _laws_page(rows: list[Row]) -> list[str]:
    text = LAWS_METHOD.format(
        people=PARTICIPANTS, trials=TRIALS, noise=LAW_NOISE, fresh=FRESH
    )
    headers = ["law", "fits", "form", "extended", "differs", "own", "alone", "nearer"]
    headers += ["inside", "inside, extended", "new", "median", "mean CPU s", "failed"]
    lines = [
        _law_line(name, [r for r in rows if _name(r) == name])
        for name in dict.fromkeys(map(_name, rows))
    ]
    lines.append(_law_line("all", rows))
    parts = ["## Laws of psychology", text, f"Here: {len(names(rows, 'seed'))} seeds."]
    missed = _missed(rows)
    parts += [table(headers, lines)]
    return parts + ([f"### Laws not recovered\n\n{missed}"] if missed else [])


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """p of the power law sizeᵖ, by least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def _cost_page(rows: list[Row]) -> list[str]:
    rows = sorted((r for r in rows if "grouped" in r), key=lambda r: r["groups"])
    headers = ["groups", "rows", "refit with groups, ms", "ordinary refit, ms", "ratio"]
    lines = [
        [
            *(r["groups"], r["groups"] * r["rows"]),
            *(f"{1e3 * r[name]:.2f}" for name in ("grouped", "ordinary")),
            f"{r['grouped'] / r['ordinary']:.1f}",
        ]
        for r in rows
    ]
    text = COST_METHOD.format(rows=COST_ROWS, repeats=REPEATS)
    parts = ["## Cost", text, table(headers, lines)]
    sizes = [r["groups"] for r in rows]
    if len(sizes) > 1:
        every, last = (
            {name: exponent(sizes[i:], [r[name] for r in rows[i:]])
             for name in ("grouped", "ordinary")}
            for i in (0, -2)
        )  # fmt: skip
        parts.append(
            f"Time grows as the number of groups to the power {every['grouped']:.2f} "
            f"(ordinary {every['ordinary']:.2f}); from {sizes[-2]:,} to {sizes[-1]:,} "
            f"groups, {last['grouped']:.2f} (ordinary {last['ordinary']:.2f})."
        )
    return parts


def _real_page(rows: list[Row]) -> list[str]:
    headers = ["asked", "own", "line", "population", "CPU s", "equation"]
    lines = [
        [
            row["problem"],
            *("" if row[n] is None else f"{row[n]:.1f}" for n in headers[1:4]),
            f"{row['cpu']:.1f}",
            "`" + row["equation"].splitlines()[1] + "`",
        ]
        for row in rows
    ]
    return ["## Measurements", REAL_METHOD, table(headers, lines)]


def page(rows: list[Row]) -> str:
    if not rows:
        return "No results yet."
    parts = [METHOD + by_commit(rows)]
    writers = {
        CLASS: _class_page, LAWS: _laws_page, COST: _cost_page, REAL: _real_page,
    }  # fmt: skip
    for part, write in writers.items():
        own = [row for row in rows if row["part"] == part]
        parts += write(own) if own else []
    failed = failures(rows)
    return "\n\n".join(parts + ([f"## Failures\n\n{failed}"] if failed else []))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", default=f"{CLASS},{LAWS},{COST},{REAL}", help="comma list"
    )
    parser.add_argument("--problems", default="", help="comma list of pieces of names")
    noises = ",".join(f"{noise:g}" for noise in NOISES)
    parser.add_argument("--noises", default=noises, help="of class, of the RMS of y")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="core-seconds of a fit of class"
    )
    parser.add_argument("--seeds", type=int, default=3, help="of class and laws")
    parser.add_argument("--rows", type=int, default=ROWS, help="of a realisation of class")
    parser.add_argument("--jobs", type=int, default=1, help="fits at a time, a core each")
    parser.add_argument("--name", help="of the results; else from the conditions")
    parser.add_argument("--again", action="store_true", help="run these fits anew")
    parser.add_argument("--report", action="store_true", help="only write the page")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    name = options.name or default_name(options)
    store = Store(name, KEY)
    if not options.report:
        again = (DARTS,) if options.again else ()
        limits = options.jobs, options.seconds, again
        run(store, work, jobs(options), *limits, tell=_told)
    title = "Coefficients that differ between groups"
    write_results(name, title, about(store), page(store.rows()))


def _told(row: Row) -> str:
    where = f"{row['part']}, {row['groups']} groups, noise {row['noise']:g}"
    if row["part"] == REAL:
        return f"{row['problem']}: {row['wall']:.1f} s"
    if row["part"] == COST:
        return f"{where}: {row['grouped']:.4f} s, ordinary {row['ordinary']:.4f} s"
    passed = [name for name in ("form", "differs", "symbolic") if row.get(name)]
    return f"{where}: {' '.join(passed) or 'no'}, {row['wall']:.1f} s"


if __name__ == "__main__":
    main()
