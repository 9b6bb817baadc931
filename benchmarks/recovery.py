"""Which laws are found again, by whom, and how soon, on ground-truth problems.

    python benchmarks/recovery.py --systems darts,random,operon --seeds 2 --jobs 2
    python benchmarks/recovery.py --report

Systems take turns problem by problem, each fit in a process on one core, or more with
``--cores``. Every finished
fit is kept at once, so that the command may be interrupted and given again.
``--ablation NAME=JSON`` defines our search with other private options, to be named in
``--systems``: ``--ablation 'plain={"gradient": false}' --systems darts,plain``.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from helpers.common import RESULTS, write_results
from helpers.problems import find, load
from helpers.report import about, curves, page
from helpers.runs import Row, Store, run
from helpers.scores import score
from helpers.systems import PEER_PYTHON, systems, warm_up

KEY = ("system", "problem", "seed")


def work(job: Row) -> Row:
    """One fit, from the name of its problem to its scores."""
    name = job["system"]
    ablation = {name: job["options"]} if job["options"] else {}
    system = systems([name], ablation)[name]
    warm_up(name, system)
    problem = find(job["problem"])
    data = problem.draw(job["rows"], job["seed"], job["noise"])
    return score(problem, data, system(data.X, data.y, job["seconds"], job["seed"]))


def jobs(options: argparse.Namespace, ablations: dict[str, Any]) -> list[Row]:
    """All fits of a run; the systems take turns, so that they share the machine's moods."""
    problems = load(options.suite.split(",") if options.suite else None)
    problems = [p for p in problems if options.only in p.key][: options.limit]
    names = options.systems.split(",")
    systems(names, ablations)
    shared = {
        name: getattr(options, name) for name in ("seconds", "noise", "rows", "cores")
    }
    return [
        {"system": s, "problem": p.key, "suite": p.suite, "seed": seed, **shared}
        | {"options": ablations.get(s)}
        for seed in range(options.seeds)
        for p in problems
        for s in names
    ]


def default_name(options: argparse.Namespace) -> str:
    """Results of unequal conditions are never mixed in one file."""
    name = f"recovery_{options.seconds:g}s"
    name += f"_noise{options.noise:g}" if options.noise else ""
    name += f"_{options.cores}cores" if options.cores > 1 else ""
    return name + (f"_rows{options.rows}" if options.rows != 200 else "")


def _ablation(text: str) -> tuple[str, dict[str, Any]]:
    name, _, value = text.partition("=")
    found = json.loads(value)
    if not name or not isinstance(found, dict):
        raise ValueError(text)
    return name, found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default="darts,random,no-gradient,operon")
    parser.add_argument("--ablation", type=_ablation, action="append", default=[])
    parser.add_argument("--suite", help="comma list; all if not given")
    parser.add_argument("--only", default="", help="part of a problem's suite/name")
    parser.add_argument("--limit", type=int, help="number of problems")
    parser.add_argument("--seconds", type=float, default=5.0, help="core-seconds of a fit")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=200, help="training rows")
    parser.add_argument("--noise", type=float, default=0.0, help="of the RMS of y")
    parser.add_argument("--jobs", type=int, default=1, help="fits at a time")
    parser.add_argument("--cores", type=int, default=1, help="of each fit")
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter with the peer")
    parser.add_argument("--name", help="of the results; else from the conditions")
    parser.add_argument("--again", default="", help="systems to run anew, comma list")
    parser.add_argument("--report", action="store_true", help="only write the page")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    ablations = dict(options.ablation)
    if options.peer:
        os.environ[PEER_PYTHON] = options.peer
    name = options.name or default_name(options)
    store = Store(name, KEY)
    if not options.report:
        todo, again = jobs(options, ablations), tuple(options.again.split(","))
        limits = options.jobs, options.seconds, again, options.cores
        run(store, work, todo, *limits)
    title = f"Recovery of ground-truth equations, {options.seconds:g} s"
    title += f", noise {options.noise:g}" if options.noise else ""
    title += f", {options.cores} cores" if options.cores > 1 else ""
    rows, noisy = store.rows(), options.noise > 0
    if rows and not noisy:
        curves(rows, RESULTS / f"{name}.svg")
    write_results(name, title, about(store), page(rows, noisy, name))


if __name__ == "__main__":
    main()
