"""Graphs made by chance: random edits, and graphs grown by a few of them from nothing."""

from __future__ import annotations

import numpy as np

from .kernels.arrays import EDIT_SIZE, KEEP, edit_row
from .problem import Arena, Edits, Graphs

_EXPONENTS = (-2.0, -1.0, -0.5, 0.5, 1.5, 2.0, 3.0)


def starts(arena: Arena, count: int, rng: np.random.Generator) -> np.ndarray:
    """What random edges begin with, (count, 2 + P), see ``arena.starting_places``."""
    start = rng.normal(0.0, 1.0, (count, 2 + arena.max_params))
    start[:, 0], start[:, 1] = rng.choice(_EXPONENTS, count), 1.0
    return start


def randomly_edited(arena: Arena, graphs: Graphs, rng: np.random.Generator) -> None:
    """Apply one random edit to every graph, in place."""
    size = len(graphs)
    rows = np.zeros((size, EDIT_SIZE), np.int64)
    coefs = np.zeros((size, arena.max_params))
    arena.kernels.random_edits(
        rng.random((size, 10)), arena.allowed, starts(arena, size, rng),
        arena.starting_places, arena.scale, arena.form, arena.relatives,
        arena.n_inputs, arena.can_multiply, graphs.op, rows, coefs,
    )  # fmt: skip
    arena.apply(graphs, Edits(rows, coefs, np.ones(size)))


def keyed(arena: Arena, graphs: Graphs) -> Graphs:
    """Graphs that came from elsewhere, tidied and hashed."""
    rows = np.tile(np.array(edit_row(KEEP), np.int64), (len(graphs), 1))
    nothing = np.zeros((len(graphs), arena.max_params))
    arena.apply(graphs, Edits(rows, nothing, np.ones(len(graphs))))
    return graphs.take(np.flatnonzero(graphs.key))


def from_nothing(arena: Arena, count: int, rng: np.random.Generator) -> Graphs:
    """Graphs grown by a few random edits."""
    graphs = arena.empty(count)
    length = rng.integers(2, 8, count)
    for step in range(length.max(initial=0)):
        growing = np.flatnonzero(length > step)
        part = graphs.take(growing)
        randomly_edited(arena, part, rng)
        graphs.put(growing, part)
    return graphs
