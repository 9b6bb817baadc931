"""Graphs made by chance: random edits, and graphs grown by a few of them from nothing."""

from __future__ import annotations

import numpy as np

from .evaluator import Edits, Evaluator, Graphs
from .kernels.arrays import EDIT_SIZE, KEEP, edit_row

_EXPONENTS = (-2.0, -1.0, -0.5, 0.5, 1.5, 2.0, 3.0)


def starts(evaluator: Evaluator, count: int, rng: np.random.Generator) -> np.ndarray:
    """What random edges begin with, (count, 2 + P), see ``evaluator.starting_places``."""
    start = rng.normal(0.0, 1.0, (count, 2 + evaluator.max_params))
    start[:, 0], start[:, 1] = rng.choice(_EXPONENTS, count), 1.0
    return start


def randomly_edited(evaluator: Evaluator, graphs: Graphs, rng: np.random.Generator) -> None:
    """Apply one random edit to every graph, in place."""
    size = len(graphs)
    rows = np.zeros((size, EDIT_SIZE), np.int64)
    coefs = np.zeros((size, evaluator.max_params))
    evaluator.kernels.random_edits(
        rng.random((size, 10)), evaluator.allowed, starts(evaluator, size, rng),
        evaluator.starting_places, evaluator.scale, evaluator.form, evaluator.relatives,
        evaluator.n_inputs, evaluator.can_multiply, graphs.op, rows, coefs,
    )  # fmt: skip
    evaluator.apply(graphs, Edits(rows, coefs, np.ones(size)))


def with_keys(evaluator: Evaluator, graphs: Graphs) -> Graphs:
    """Graphs that came from elsewhere, tidied and hashed."""
    rows = np.tile(np.array(edit_row(KEEP), np.int64), (len(graphs), 1))
    nothing = np.zeros((len(graphs), evaluator.max_params))
    evaluator.apply(graphs, Edits(rows, nothing, np.ones(len(graphs))))
    return graphs.take(np.flatnonzero(graphs.key))


def from_nothing(evaluator: Evaluator, count: int, rng: np.random.Generator) -> Graphs:
    """Graphs grown by a few random edits."""
    graphs = evaluator.empty(count)
    length = rng.integers(2, 8, count)
    for step in range(length.max(initial=0)):
        growing = np.flatnonzero(length > step)
        part = graphs.take(growing)
        randomly_edited(evaluator, part, rng)
        graphs.put(growing, part)
    return graphs
