"""Refits per core-second, compiled beside NumPy, and what compiling costs.

    python benchmarks/engine.py [--graphs N]

Random graphs of three nodes with three edges each over three inputs, 64 points, at most 12
Levenberg–Marquardt steps from drawn coefficients, as in the search.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

from helpers.common import (
    ROOT,
    environment,
    provenance,
    table,
    write_numbers,
    write_results,
)

POINTS, INPUTS, NODES, SLOTS, STEPS = 64, 3, 3, 3, 12
REPEATS = 5
#: Graphs that the NumPy refit is timed on: it is slow.
FEW = 150


def evaluator() -> Any:
    from autora.skl.darts.fitting.problem import Problem
    from autora.skl.darts.graph.objectives import OBJECTIVES
    from autora.skl.darts.graph.primitives import SCIENCE, resolve
    from autora.skl.darts.search import conversion

    rng = np.random.default_rng(0)
    x = rng.uniform(1, 5, (POINTS, INPUTS))
    y = x[:, :1] * np.sin(x[:, 1:2]) + rng.normal(size=(POINTS, 1))
    problem = Problem(x, y, np.ones(POINTS), True, True)
    frame = conversion.SpaceBounds(resolve(SCIENCE), NODES, ("sum", "product"), SLOTS)
    return conversion.evaluator_for(frame, problem, OBJECTIVES["real"]), problem


def graphs(where: Any, count: int) -> Any:
    """Full graphs: every slot of every node is taken."""
    rng = np.random.default_rng(1)
    drawn = where.empty(count)
    drawn.agg[:] = rng.integers(0, 2, drawn.agg.shape)
    for k in range(NODES):
        drawn.src[:, k] = rng.integers(0, INPUTS + k, (count, SLOTS))
    drawn.op[:] = rng.choice(where.allowed, drawn.op.shape)
    drawn.theta[:] = rng.uniform(-1, 1, drawn.theta.shape)
    drawn.use[:] = True
    return drawn


def compiled_rate(where: Any, count: int) -> tuple[float, float]:
    """Refits per processor second, and the share with a finite start."""
    rates = []
    for _ in range(REPEATS):
        batch = graphs(where, count)
        begin = time.process_time()
        where.fit(batch, STEPS, 1e-13)
        rates.append(count / (time.process_time() - begin))
    return statistics.median(rates), float(np.isfinite(batch.loss).mean())


def numpy_rate(where: Any, problem: Any) -> float:
    from autora.skl.darts.fitting.refit import levenberg_marquardt
    from autora.skl.darts.graph.primitives import SCIENCE, resolve
    from autora.skl.darts.search import conversion

    batch = graphs(where, FEW)
    batch.w[:] = 1.0
    frame = conversion.SpaceBounds(resolve(SCIENCE), NODES, ("sum", "product"), SLOTS)
    space = conversion.space_for(frame, INPUTS, batch)
    models = [conversion.model_of(where, batch, i, space) for i in range(FEW)]
    begin = time.process_time()
    for model in models:
        levenberg_marquardt(problem, model, STEPS)
    return FEW / (time.process_time() - begin)


def start_up(cache: str) -> float:
    """Wall-clock seconds of a fresh process that makes the compiled refit ready."""
    code = (
        "from autora.skl.darts.search.warm_up import SpaceBounds, compile_search\n"
        "from autora.skl.darts.graph.primitives import SCIENCE, resolve\n"
        "compile_search(SpaceBounds(resolve(SCIENCE)))"
    )
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(ours=True) | {"DARTS_COMPILATION_CACHE": cache},
        check=True,
    )
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=20_000)
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    about = provenance()
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = start_up(cache), min(start_up(cache) for _ in range(3))
    where, problem = evaluator()
    compiled_rate(where, 10)  # compiles
    rate, finite = compiled_rate(where, options.graphs)
    slow = numpy_rate(where, problem)
    rows = [
        ["compiled refit, graphs per core-second", f"**{rate:,.0f}**"],
        ["of those finite at the start", f"{finite:.0%}"],
        ["NumPy refit, graphs per core-second", f"{slow:,.0f}"],
        ["ratio", f"{rate / slow:.0f}×"],
        ["fresh process until ready, nothing compiled before", f"{cold:.1f} s"],
        ["fresh process until ready, machine code in the cache", f"{warm:.1f} s"],
    ]
    text = (
        f"{NODES} nodes × {SLOTS} edges, {POINTS} points, at most {STEPS} steps, "
        f"{options.graphs:,} random graphs over all of `SCIENCE`; a start that is not "
        "finite costs one evaluation. Processor time of one core, median of "
        f"{REPEATS}. The NumPy refit also keeps the models' books."
    )
    numbers = {"rate": rate, "finite": finite, "numpy": slow, "cold": cold, "warm": warm}
    write_numbers("engine", {"about": about, **numbers})
    write_results(
        "engine", "The compiled refit", about, f"{table(['', ''], rows)}\n\n{text}"
    )


if __name__ == "__main__":
    main()
