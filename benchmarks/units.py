"""What units of the columns are worth: AI Feynman's equations, with noise and without.

    python benchmarks/units.py --seeds 1 --jobs 2
    python benchmarks/units.py --report

Three systems on the same rows: ``plain`` is told nothing of units; ``units`` is told them,
and its constants may carry units; ``numbers`` is told them, and its constants are plain
numbers. Fits and scores are as in ``recovery.py``; an interrupted run goes on where it was.
Units need ``pip install -e ".[units]"``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from helpers.common import table, write_results
from helpers.dimensions import spelled
from helpers.problems import Problem, find, load
from helpers.report import (
    about,
    by_commit,
    failures,
    mean,
    median,
    names,
    pairs,
    pairs_note,
    share,
    unsolved,
)
from helpers.runs import Row, Store, run, verdicts
from helpers.scores import STRICT_ERROR, score
from helpers.systems import Darts, need, warm_up

FILE = "feynman_units"
KEY = ("system", "problem", "noise", "seed")
PLAIN = "plain"
#: Parameters of our estimator; all but `PLAIN` are told the units, too.
SYSTEMS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "units": {},
    "numbers": {"dimensionless_constants_only": True},
}
NOISES = "0,0.001,0.01,0.1"
SECONDS, ROWS = 10.0, 1000
METRES = (1, 0, 0, 0, 0)
#: PhySO by noise, in percent: recovered with its 95 % interval, R² > .999, runs finished.
PHYSO = {
    0.0: ("58.4 (49.6 to 67.3)", "66.9", "98.1"),
    0.001: ("58.4 (49.5 to 67.4)", "63.4", "93.8"),
    0.01: ("57.9 (49.0 to 66.8)", "64.8", "78.3"),
    0.1: ("53.4 (44.6 to 62.3)", "64.1", "99.0"),
}
#: Left out by SRBench and by PhySO.
LEFT_OUT = ("feynman_I_26_2", "feynman_I_30_5", "feynman_II_11_17", "feynman_test_10")

METHOD = """\
Equations of AI Feynman (Udrescu and Tegmark 2020, arXiv 1905.11481; 100 from the Feynman
lectures, 20 bonus) with their published units, one of them corrected
(`problems/feynman_units.json`). *plain* is told nothing of units; *units* is told those
of all columns, and its constants may carry units; *numbers* is told them, too, but its
constants are plain numbers. The rows of a seed are the same for all. *Symbolic*:
SRBench's rule, with constants rounded to three decimals f − f* or f / f* is a constant.
R² is that of fresh rows without noise. Noise is normal, of that fraction of the root mean
square of y, on the training targets only. The budget of a fit is in core-seconds of one
core; a fit ends early once it is exact. *Recovered*: the median over the fits that are
the law by the symbolic rule. *Exact*: CPU seconds until the search first had a graph
without error in sample, the median over the fits that had one; with noise there is none.
Both are of other problems for every system; the pairs compare times on the same ones.
Imports and compilers are warm. A fit that fails counts as not solved."""

PUBLISHED = """\
PhySO's figures are those that its repository publishes (WassimTenachi/PhySO,
`benchmarking/FeynmanBenchmark/results/noise*/results_stats.txt`; method: Tenachi et al.
2023, arXiv 2303.03192): 116 equations, as SRBench leaves four out, 5 trials, 10,000 rows,
units given, constants plain numbers, up to a million expressions per run; *R² > .999* is
its accuracy solution rate. QDSR (Bruneton 2025, arXiv 2503.19043) states an exact
recovery of 91.6 % on 117 equations, with units and without noise. Neither was run here;
machines, budgets, rows and rules of judgement differ. Ours are the share of fits on the
equations of those 116 that were run."""


def system(name: str, columns: Sequence[Any], target: Any) -> Darts:
    """Our estimator and what it is told of the units of the columns and of y."""
    known = {"X_units": [spelled(u) for u in columns], "y_units": spelled(target)}
    return Darts(parameters=SYSTEMS[name], known={} if name == PLAIN else known)


def work(job: Row) -> Row:
    """One fit, from the name of its problem to its scores."""
    name, problem = job["system"], find(job["problem"])
    warm_up(name, system(name, [METRES], METRES))
    told = system(name, [v.units for v in problem.variables], problem.units)
    data = problem.draw(job["rows"], job["seed"], job["noise"])
    return score(problem, data, told(data.X, data.y, job["seconds"], job["seed"]))


def chosen(parts: str, limit: int | None) -> list[Problem]:
    """The problems whose name has one of the comma-separated parts."""
    wanted = parts.split(",")
    found = [p for p in load(file=FILE) if any(part in p.name for part in wanted)]
    if not found:
        raise ValueError(
            f"--problems {parts!r} is in no name: give parts of names such as "
            f"feynman_I_8_14, as in problems/{FILE}.json"
        )
    return found[:limit]


def jobs(options: argparse.Namespace) -> list[Row]:
    """All fits of a run; the systems take turns, so that they share the machine's moods."""
    systems = options.systems.split(",")
    unknown = [name for name in systems if name not in SYSTEMS]
    if unknown:
        raise ValueError(f"--systems: unknown system {unknown}; there are {list(SYSTEMS)}")
    for name in systems:
        if name != PLAIN:
            need(name, "pint", "units")
    return [
        {"system": s, "problem": p.key, "noise": noise, "seed": seed}
        | {"seconds": options.seconds, "rows": options.rows}
        for seed in range(options.seeds)
        for noise in map(float, options.noises.split(","))
        for p in chosen(options.problems, options.limit)
        for s in systems
    ]


def default_name(options: argparse.Namespace) -> str:
    """Results of unequal conditions are never mixed in one file."""
    name = "units" + (f"_{options.seconds:g}s" if options.seconds != SECONDS else "")
    return name + (f"_rows{options.rows}" if options.rows != ROWS else "")


# The page


def _of(rows: list[Row], noise: float, system: str | None = None) -> list[Row]:
    rows = [row for row in rows if row["noise"] == noise]
    return [row for row in rows if system in (None, row["system"])]


def _conditions(rows: list[Row]) -> str:
    """How much of the benchmark these rows are, and under which conditions."""
    count = {column: len(names(rows, column)) for column in ("problem", "seed")}
    seconds, training = (
        ", ".join(f"{value:g}" for value in names(rows, column))
        for column in ("seconds", "rows")
    )
    return (
        f"Here: {count['problem']} equations, {count['seed']} seeds, a budget of {seconds} "
        f"core-seconds, {training} training rows."
    )


def _exact(row: Row) -> bool:
    error = row.get("error")
    return error is not None and error <= STRICT_ERROR


def _summary(rows: list[Row]) -> str:
    headers = ["noise", "system", "fits", "symbolic", "R² > .999", "mean CPU s"]
    headers += ["median CPU s", "recovered: CPU s", "exact: CPU s", "failed"]
    headers += ["SymPy gave up"]
    lines = []
    for noise in sorted(names(rows, "noise")):
        for name in names(rows):
            own = _of(rows, noise, name)
            hits = [row for row in own if row["symbolic"]]
            exact = [row for row in own if _exact(row)]
            line = [f"{noise:g}", name, len(own), share(own, "symbolic")]
            line += [share(own, "good"), mean(own, "cpu"), median(own, "cpu")]
            line += [median(hits, "cpu"), median(exact, "cpu_exact")]
            notes = ("error_text", "symbolic_note")
            lines.append([*line, *(sum(n in row for row in own) for n in notes)])
    return table(headers, lines)


def _published(rows: list[Row]) -> str:
    ran = [row for row in rows if row["problem"].split("/")[1] not in LEFT_OUT]
    headers = ["noise", "PhySO: recovered, %", "PhySO: R² > .999, %"]
    headers += ["PhySO: runs finished, %"]
    columns = {"symbolic": "symbolic", "good": "R² > .999"}
    headers += [f"{s}: {what}" for s in names(rows) for what in columns.values()]
    lines = []
    for noise, figures in PHYSO.items():
        ours = [share(_of(ran, noise, s), c) for s in names(rows) for c in columns]
        lines.append([f"{noise:g}", *figures, *ours])
    return f"{PUBLISHED}\n\n{table(headers, lines)}"


def page(rows: list[Row]) -> str:
    if not rows:
        return "No results yet."
    parts = [METHOD, _conditions(rows) + by_commit(rows), _summary(rows)]
    parts += ["## Beside published figures", _published(rows)]
    parts += ["## Pairs", pairs_note("symbolic")]
    noises = sorted(names(rows, "noise"))
    for noise in noises:
        compared = pairs(_of(rows, noise), "symbolic")
        parts += [f"### Noise {noise:g}", compared or "One system only."]
    parts += ["## Not recovered (in every seed)"]
    for noise in noises:
        parts += [
            f"### Noise {noise:g}, not recovered",
            unsolved(_of(rows, noise), "symbolic"),
        ]
    failed = failures(rows)
    return "\n\n".join(parts + ([f"## Failures\n\n{failed}"] if failed else []))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--problems", default="", help="comma list of parts of names")
    parser.add_argument("--limit", type=int, help="number of problems")
    parser.add_argument("--noises", default=NOISES, help="of the RMS of y, comma list")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="core-seconds of a fit"
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int, default=ROWS, help="training rows")
    parser.add_argument("--jobs", type=int, default=1, help="fits at a time, a core each")
    parser.add_argument("--name", help="of the results; else from the conditions")
    parser.add_argument("--again", default="", help="systems to run anew, comma list")
    parser.add_argument("--report", action="store_true", help="only write the page")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    name = options.name or default_name(options)
    store = Store(name, KEY)
    if not options.report:
        again = tuple(options.again.split(","))
        limits = options.jobs, options.seconds, again
        run(store, work, jobs(options), *limits, tell=_told)
    write_results(name, "What units are worth", about(store), page(store.rows()))


def _told(row: Row) -> str:
    return f"noise {row['noise']:g}, {verdicts(row)}"


if __name__ == "__main__":
    main()
