"""Children of elites, by the gradient and by random edits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import vertex
from .arena import Arena, Graphs
from .random_edits import randomly_edited

#: Children of a parent by predicted gain and by random edits.
_SCORED, _EDITED = 15, 12


class Options(NamedTuple):
    """Ingredients that benchmarks switch off, one by one."""

    gradient: bool = True  #: children by predicted gain
    random_only: bool = False  #: the control: nothing but fresh graphs
    mutation: bool = True  #: children by random edits
    compound: bool = True  #: edits that bring a node of two sources
    per_size: bool = True  #: elites of every complexity, not just the best
    restarts: bool = True  #: fresh populations
    simplify: bool = True  #: trimming of what was found
    undoing: bool = True  #: searches under an outermost function, without factors


def bred(
    arena: Arena, elites: Graphs, options: Options, rng: np.random.Generator
) -> list[Graphs]:
    """Children of elites."""
    families = []
    if options.mutation:
        parents = elites.take(np.repeat(np.arange(len(elites)), _EDITED))
        twice = rng.random(len(parents)) < 0.3
        randomly_edited(arena, parents, rng)
        again = np.flatnonzero(twice & (parents.key != 0))
        part = parents.take(again)
        randomly_edited(arena, part, rng)
        families += [parents.take(np.flatnonzero(~twice)), part]
    if options.gradient:
        whose, edits = vertex.proposed(arena, elites, _SCORED, rng, options.compound)
        children = elites.take(whose)
        arena.apply(children, edits)
        families.append(children)
    return families


def unseen(graphs: Graphs, seen: dict[int, int]) -> Graphs:
    """Graphs whose structure has not been fitted often enough yet."""
    keep = []
    for i, key in enumerate(graphs.key.tolist()):
        if key != 0 and seen.get(key, 0) < 2:
            seen[key] = seen.get(key, 0) + 1
            keep.append(i)
    return graphs.take(np.array(keep, int))
