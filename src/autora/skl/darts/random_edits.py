"""Graphs made by chance: random edits, and graphs grown by a few of them from nothing."""

from __future__ import annotations

import numpy as np

from .arena import Arena, Edits, Graphs


def starts(arena: Arena, count: int, rng: np.random.Generator) -> np.ndarray:
    """Starting coefficients (count, primitives, P) of edges drawn at random."""
    shape = (count, len(arena.primitives), arena.max_params)
    start = rng.normal(0.0, 1.0, shape)
    for op, primitive in enumerate(arena.primitives):
        for j, kind in enumerate(primitive.params):
            if kind == "shape" and primitive.base == "power":
                start[:, op, j] = rng.choice((-2, -1, -0.5, 0.5, 1.5, 2, 3), count)
            elif kind == "shape":
                start[:, op, j] = 1.0
    return start


def randomly_edited(arena: Arena, graphs: Graphs, rng: np.random.Generator) -> None:
    """Apply one random edit to every graph, in place."""
    size = len(graphs)
    rows = np.zeros((size, 8), np.int64)
    coefs = np.zeros((size, arena.max_params))
    arena.kernel.random_edits(
        rng.random((size, 10)), arena.allowed, starts(arena, size, rng), arena.scale,
        arena.form, arena.relatives, (arena.n_inputs, arena.can_multiply), graphs.op,
        rows, coefs,
    )  # fmt: skip
    arena.apply(graphs, Edits(rows, coefs, np.ones(size)))


def keyed(arena: Arena, graphs: Graphs) -> Graphs:
    """Graphs that came from elsewhere, tidied and hashed."""
    rows = np.zeros((len(graphs), 8), np.int64)
    rows[:, 0], rows[:, 7] = arena.kernel.KEEP, -1
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
