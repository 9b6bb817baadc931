"""The compiler's work, done before a search's clock starts: once on a machine."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache

import numpy as np
from joblib import cpu_count

from ..fitting.problem import Problem
from ..graph.objectives import OBJECTIVES
from ..graph.primitives import lookup
from ..graph.specification import SpaceBounds
from .conversion import evaluator_for
from .gradient import proposed
from .random_edits import randomly_edited

_PROPOSALS = (
    "from autora.skl.darts.search.warm_up import compile_proposals; compile_proposals()"
)


def warm_up(bounds: SpaceBounds, problem: Problem) -> None:
    """Compile the search, and what units need where these are given."""
    compile_search(bounds)
    if problem.dimensions is not None:
        evaluator = evaluator_for(bounds, problem, OBJECTIVES["real"])
        randomly_edited(evaluator, evaluator.empty(1), np.random.default_rng(0))


@lru_cache(maxsize=64)
def compile_search(bounds: SpaceBounds) -> None:
    """Compile the search, or load it from the cache.

    Proposals are half of the work, which another process does meanwhile.
    """
    from .kernels.compilation import folder, is_kept

    if is_kept("propose"):
        _run(bounds)
        return
    home = folder()
    where = "kept for this process only" if home is None else f"kept in {home.parent}"
    print(
        "autora.skl.darts: compiling the search for this machine, once, in some 15 "
        f"seconds; {where}",
        file=sys.stderr,
        flush=True,
    )
    helper = None if home is None else _helper()
    try:
        _run(bounds, helper)
    finally:
        if helper is not None:
            helper.kill()
            helper.wait()


def _helper() -> subprocess.Popen | None:
    """A process that compiles the proposals; None where there is no core for it."""
    if not sys.executable or cpu_count() < 2:
        return None
    paths = os.pathsep.join(path for path in sys.path if path)
    quiet = subprocess.DEVNULL
    try:
        return subprocess.Popen(
            [sys.executable, "-c", _PROPOSALS],
            env=os.environ | {"PYTHONPATH": paths},
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
        )
    except OSError:  # no further process: this one does it all
        return None


def _run(bounds: SpaceBounds, helper: subprocess.Popen | None = None) -> None:
    """Every compiled loop, on a few rows."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, (8, 1))
    problem = Problem(x, x, np.ones(8), True, True)
    evaluator = evaluator_for(bounds, problem, OBJECTIVES["real"])
    evaluator.fit(evaluator.empty(1), 2, 1e-9)
    randomly_edited(evaluator, evaluator.empty(1), rng)
    if helper is not None:
        helper.wait()  # what it left on disk is loaded
    proposed(evaluator, evaluator.empty(1), 2, rng)


def compile_proposals() -> None:
    """What `warm_up` has another process do: the smallest vocabulary will do."""
    rng = np.random.default_rng(0)
    bounds, x = SpaceBounds((lookup("none"), lookup("add"))), np.ones((8, 1))
    primitives = (lookup("add"),)
    problem = Problem(x, x, np.ones(8), True, True)
    evaluator = evaluator_for(bounds, problem, OBJECTIVES["real"], primitives)
    proposed(evaluator, evaluator.empty(1), 2, rng)
