"""How many observations tell two rival laws apart, by who chooses the conditions.

    python benchmarks/experiments.py --seeds 10 --jobs 2
    python benchmarks/experiments.py --line --seeds 10 --jobs 2
    python benchmarks/experiments.py --problems discounting,growth --seeds 2
    python benchmarks/experiments.py --report

Ten pairs of rival laws; one of each pair makes the observations, both are fitted to them
in every cycle. With --line there is a third theorist, whose theory is a straight line. An
interrupted run goes on where it was. It needs the extra 'autora'.
"""

from __future__ import annotations

import argparse
import json
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sympy

from helpers.common import Clock, table, versions, write_results
from helpers.paired import sign_test
from helpers.problems import FOLDER, numeric, parse
from helpers.report import about, by_commit, failures, names
from helpers.runs import Row, Store, run

KEY = ("system", "problem", "seed")
OURS, DISAGREEMENT, NOVELTY, RANDOM = (
    "discriminating", "model disagreement", "novelty", "random",
)  # fmt: skip
SYSTEMS = (OURS, DISAGREEMENT, NOVELTY, RANDOM)
FILE = "rival_laws"
#: Random observations before the first choice, and the most that are made.
START, MOST = 6, 100
#: Standard deviation of the noise as a share of the range of the law; the weight at which
#: a law counts as the right one.
NOISE, DECIDED = 0.07, 0.9
#: Seconds that a loop may take.
SECONDS = 60.0
EXTRAS = (
    "autora-core",
    "autora-experimentalist-novelty",
    "autora-experimentalist-model-disagreement",
)

METHOD = """\
Ten pairs of rival laws (`problems/rival_laws.json`, with sources). In even seeds the first
law of a pair is the true one, in odd seeds the second. Observations are the true law plus
normal noise, whose standard deviation is {noise:g} of the range that the law has on the
pool. A loop begins with {start} conditions that are drawn at random from the pool. In
every cycle all laws are fitted, `DARTSRegressor.from_equation(law).fit(...)`, their
weights are those of their criteria, exp(−difference/2), and one condition of the pool is
chosen. The loop ends as soon as the true law has a weight above {decided:g}, at most with
{most} observations. All strategies begin with the same conditions, have the same pool, in
which a condition may be observed again, and the same noise in the same order.

*discriminating*: `autora.skl.darts.experimentalist.discriminating` with
`weights="evidence"`. *model disagreement* and *novelty*: AutoRA's
`model_disagreement_sample` and `novelty_sample`, the latter with every column in units of
its spread. *random*: a condition of the pool.

*Observations*: until the loop ends, the first {start} included; a loop that did not decide
counts as {most}. *After the start*: without the first {start}. *Misled*: loops in which the
weight of the true law was once below one minus that."""

WITH_LINE = """\
Here a third theorist is in the loop, whose theory is a straight line of all conditions. It
is wrong in every pair, and soon its weight is small. Its predictions are still among those
whose disagreement AutoRA's strategy looks at, which knows of no weights."""


@dataclass(frozen=True)
class Law:
    """A law with free constants, and those that make the observations."""

    name: str
    text: str
    constants: dict[str, float]

    def values(self, pool: pd.DataFrame) -> np.ndarray:
        """What the law says of a pool, by SymPy rather than by the package."""
        columns = [sympy.Symbol(name) for name in pool.columns]
        known = {symbol.name: symbol for symbol in columns}
        expression = parse(self.text, known | self.constants)
        return numeric(columns, expression)(pool.to_numpy(float))


@dataclass(frozen=True)
class Pair:
    """Two laws of the same variables."""

    name: str
    variables: list[dict[str, Any]]
    laws: list[Law]
    source: str

    def pool(self) -> pd.DataFrame:
        """A grid of conditions."""
        axes = [np.linspace(v["low"], v["high"], v["points"]) for v in self.variables]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        columns = [v["name"] for v in self.variables]
        return pd.DataFrame(grid.reshape(-1, len(axes)), columns=columns)


def pairs() -> list[Pair]:
    records = json.loads((FOLDER / f"{FILE}.json").read_text("utf-8"))
    laws = [[Law(**law) for law in record.pop("laws")] for record in records]
    return [Pair(laws=own, **rest) for own, rest in zip(laws, records, strict=True)]


# One loop

#: Takes the pool, the rows that were observed, the models and random numbers, and returns
#: a row of the pool.
Choice = Callable[[pd.DataFrame, list[int], list[Any], np.random.Generator], int]


def _discriminating(
    pool: pd.DataFrame, seen: list[int], models: list[Any], rng: np.random.Generator
) -> int:
    from autora.skl.darts.experimentalist import discriminating

    found = discriminating(pool, models, weights="evidence")
    return int(np.flatnonzero((pool == found.iloc[0]).all(axis=1))[0])


def _disagreement(
    pool: pd.DataFrame, seen: list[int], models: list[Any], rng: np.random.Generator
) -> int:
    from autora.experimentalist.model_disagreement import model_disagreement_sample

    return int(model_disagreement_sample(pool, models, 1).index[0])


def _novelty(
    pool: pd.DataFrame, seen: list[int], models: list[Any], rng: np.random.Generator
) -> int:
    from autora.experimentalist.novelty import novelty_sample

    scaled = pool / pool.std()
    return int(novelty_sample(scaled, scaled.iloc[seen], 1).index[0])


def _random(
    pool: pd.DataFrame, seen: list[int], models: list[Any], rng: np.random.Generator
) -> int:
    return int(rng.integers(len(pool)))


CHOICES: dict[str, Choice] = {
    OURS: _discriminating,
    DISAGREEMENT: _disagreement,
    NOVELTY: _novelty,
    RANDOM: _random,
}


def work(job: Row) -> Row:
    """One loop, from the names of its pair and its strategy."""
    [pair] = [p for p in pairs() if p.name == job["problem"]]
    clock = Clock()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        choose = CHOICES[job["system"]]
        weights, rows = loop(pair, choose, job["seed"], job.get("line", False))
    wall, cpu = clock.read()
    solved = weights[-1] > DECIDED
    return {
        "solved": solved,
        "observations": len(rows) if solved else MOST,
        "misled": min(weights) < 1 - DECIDED,
        "weights": [round(w, 4) for w in weights],
        "rows": rows,
        "wall": round(wall, 3),
        "cpu": round(cpu, 3),
    }


def straight(pair: Pair) -> str:
    """A straight line of all conditions."""
    slopes = (f"slope_{v['name']}*{v['name']}" for v in pair.variables)
    return " + ".join(["intercept", *slopes])


def loop(
    pair: Pair, choose: Choice, seed: int, line: bool = False
) -> tuple[list[float], list[int]]:
    """Weights of the true law after every fit, and the rows that were observed."""
    from autora.skl.darts import DARTSRegressor
    from autora.skl.darts.estimators.theorists import theorists

    pool, right = pair.pool(), seed % 2
    truth = pair.laws[right].values(pool)
    noise = np.random.default_rng([seed, 0]).normal(0, NOISE * np.ptp(truth), MOST)
    rows = np.random.default_rng([seed, 1]).integers(len(pool), size=START).tolist()
    rng = np.random.default_rng([seed, 2])
    theories = [law.text for law in pair.laws] + [straight(pair)] * line
    models = [DARTSRegressor.from_equation(text, random_state=0) for text in theories]
    weights: list[float] = []
    while True:
        observed = truth[rows] + noise[: len(rows)]
        for model in models:
            model.fit(pool.iloc[rows], observed)
        weights.append(theorists(models, "evidence")[right].weight)
        if weights[-1] > DECIDED or len(rows) == MOST:
            return weights, rows
        rows.append(choose(pool, rows, models, rng))


# Which loops


def jobs(options: argparse.Namespace) -> list[Row]:
    wanted = options.problems.split(",")
    chosen = [p.name for p in pairs() if any(w in p.name for w in wanted)]
    systems = options.systems.split(",")
    unknown = [system for system in systems if system not in CHOICES]
    if unknown:
        raise ValueError(f"--systems: unknown {unknown}; there are {list(CHOICES)}")
    if not chosen:
        raise ValueError(
            f"--problems {options.problems!r} is in no name: give pieces of names as in "
            f"problems/{FILE}.json"
        )
    return [
        {"system": system, "problem": problem, "seed": seed}
        | ({"line": True} if options.line else {})
        for seed in range(options.seeds)
        for problem in chosen
        for system in systems
    ]


# The page


def _numbers(rows: Sequence[Row], start: int = 0) -> list[int]:
    return [row["observations"] - start for row in rows]


def summary(rows: list[Row]) -> str:
    """Every strategy over all loops."""
    headers = ["strategy", "loops", "decided", "median", "mean", "median after the start"]
    headers += ["mean after the start", "misled", "mean CPU s"]
    lines = []
    for system in names(rows):
        own = [row for row in rows if row["system"] == system]
        decided, misled = (sum(row[c] for row in own) for c in ("solved", "misled"))
        counts, later = _numbers(own), _numbers(own, START)
        lines.append(
            [
                *(system, len(own), decided),
                *(f"{statistics.median(counts):g}", f"{statistics.mean(counts):.1f}"),
                *(f"{statistics.median(later):g}", f"{statistics.mean(later):.1f}"),
                *(misled, f"{statistics.mean(row['cpu'] for row in own):.1f}"),
            ]
        )
    return table(headers, lines)


def by_pair(rows: list[Row]) -> str:
    """Median and mean number of observations, pair by pair."""
    systems = names(rows)
    lines = []
    for problem in names(rows, "problem"):
        line = [problem]
        for system in systems:
            own = [r for r in rows if (r["problem"], r["system"]) == (problem, system)]
            counts = _numbers(own)
            if counts:
                middle, mean = statistics.median(counts), statistics.mean(counts)
                line.append(f"{middle:g}; {mean:.1f}")
            else:
                line.append("")
        lines.append(line)
    return table(["pair", *systems], lines)


def against(rows: list[Row], other: str) -> list[Any]:
    """Ours beside another strategy, on the loops that both have."""
    counts = {(r["system"], r["problem"], r["seed"]): r["observations"] for r in rows}
    both = [
        (problem, counts[OURS, problem, seed], count)
        for (system, problem, seed), count in counts.items()
        if system == other and (OURS, problem, seed) in counts
    ]
    fewer, more = (
        sum(sign * (b - a) > 0 for _, a, b in both) for sign in (1, -1)
    )  # fmt: skip
    problems = list(dict.fromkeys(problem for problem, _, _ in both))
    means = [
        statistics.mean(b - a for p, a, b in both if p == problem) for problem in problems
    ]
    ahead, behind = sum(m > 0 for m in means), sum(m < 0 for m in means)
    ours, theirs = (sum(pair[i] - START for pair in both) for i in (1, 2))
    return [
        *(other, len(both), fewer, more, f"{sign_test(fewer, more):.2g}"),
        *(f"{ahead} of {len(problems)}", f"{sign_test(ahead, behind):.2g}"),
        f"{ours / theirs:.2f}" if theirs else "",
    ]


PAIRS_NOTE = """\
Fewer, more: loops in which *discriminating* needs fewer or more observations than the
other with the same start and noise; p of a two-sided sign test, ties left out. Pairs:
those in which its mean is smaller, and the same test over pairs, as loops of one pair are
not independent. Ratio: observations after the start, all loops together, of
*discriminating* to the other."""


def page(rows: list[Row]) -> str:
    if not rows:
        return "No results yet."
    done = [row for row in rows if "error_text" not in row]
    text = METHOD.format(noise=NOISE, start=START, decided=DECIDED, most=MOST)
    headers = ["beside", "loops", "fewer", "more", "p", "pairs", "p over pairs", "ratio"]
    others = [system for system in names(done) if system != OURS]
    if any(row.get("line") for row in rows):
        text = f"{text}\n\n{WITH_LINE}"
    parts = [text + by_commit(rows), summary(done)]
    parts += ["## Beside the others"]
    parts += [table(headers, [against(done, other) for other in others]), PAIRS_NOTE]
    parts += ["## By pair", "Median; mean number of observations.", by_pair(done)]
    failed = failures(rows)
    return "\n\n".join(parts + ([f"## Failures\n\n{failed}"] if failed else []))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", default="", help="comma list of pieces of names")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="comma list")
    parser.add_argument("--seeds", type=int, default=10, help="loops of a pair")
    parser.add_argument("--jobs", type=int, default=1, help="loops at a time, a core each")
    parser.add_argument(
        "--line", action="store_true", help="a straight line as third theory"
    )
    parser.add_argument("--name", help="of the results; else from the conditions")
    parser.add_argument("--again", action="store_true", help="run these loops anew")
    parser.add_argument("--report", action="store_true", help="only write the page")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    options.name = options.name or ("experiments_line" if options.line else "experiments")
    store = Store(options.name, KEY)
    if not options.report:
        again = tuple(options.systems.split(",")) if options.again else ()
        run(store, work, jobs(options), options.jobs, SECONDS, again, tell=_told)
    title = "Observations that tell rival laws apart"
    if options.line:
        title += ", with a refuted theory"
    about_ = about(store) | {"AutoRA": versions(EXTRAS)}
    write_results(options.name, title, about_, page(store.rows()))


def _told(row: Row) -> str:
    verdict = "decided" if row["solved"] else f"weight {row['weights'][-1]}"
    return f"{verdict} after {row['observations']}, {row['wall']:.1f} s"


if __name__ == "__main__":
    main()
