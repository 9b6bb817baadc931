"""Children of elites, by the gradient or, without it, by random edits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import gradient
from .evaluator import Evaluator, Graphs
from .random_edits import randomly_edited

#: Children of a parent by predicted gain, and by random edits.
_SCORED, _EDITED = 15, 12


class Options(NamedTuple):
    """Ingredients that benchmarks switch off, one by one."""

    gradient: bool = True  #: children by predicted gain, not by random edits
    random_only: bool = False  #: the control: nothing but fresh graphs
    compound: bool = True  #: edits that bring a node of two sources
    per_size: bool = True  #: elites of every complexity, not just the best
    restarts: bool = True  #: fresh populations
    simplify: bool = True  #: trimming of what was found
    rivals: bool = True  #: graphs that are nearly as probable as those that lead
    undoing: bool = True  #: searches under an outermost function, without factors
    dimensionless_groups: int = 1  #: ways to choose them, where they are searched
    columns: bool = True  #: the columns themselves where groups leave more than noise


def bred(
    evaluator: Evaluator, elites: Graphs, options: Options, rng: np.random.Generator
) -> list[Graphs]:
    """Children of elites."""
    if not options.gradient:
        return _mutants(evaluator, elites, rng)
    where, fitted = evaluator.focused(elites, rng)
    whose, edits = gradient.proposed(where, fitted, _SCORED, rng, options.compound)
    children = elites.take(whose)
    evaluator.apply(children, edits)
    return [children]


def _mutants(
    evaluator: Evaluator, elites: Graphs, rng: np.random.Generator
) -> list[Graphs]:
    """Children with one edit by chance, three in ten with two."""
    mutants = elites.take(np.repeat(np.arange(len(elites)), _EDITED))
    twice = rng.random(len(mutants)) < 0.3
    randomly_edited(evaluator, mutants, rng)
    further = mutants.take(np.flatnonzero(twice & (mutants.key != 0)))
    randomly_edited(evaluator, further, rng)
    return [mutants.take(np.flatnonzero(~twice)), further]


def unseen(graphs: Graphs, seen: dict[int, int]) -> Graphs:
    """Graphs whose structure has not been fitted often enough yet."""
    keep = []
    for i, key in enumerate(graphs.key.tolist()):
        if key != 0 and seen.get(key, 0) < 2:
            seen[key] = seen.get(key, 0) + 1
            keep.append(i)
    return graphs.take(np.array(keep, int))
