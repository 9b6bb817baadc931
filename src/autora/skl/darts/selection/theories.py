"""Theories beside what was found: fitted, judged by the criterion, and weighed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..fitting.problem import Problem
from ..fitting.theories import constants_with_errors, fitted, has_intercept
from ..graph.formula_graph import graph_of
from ..graph.grammar import Theory
from ..graph.model import Model
from ..graph.objectives import Objective
from ..graph.writer import Unwritable
from .criteria import complexity, judged_beforehand


class JudgedTheory(NamedTuple):
    """A theory with its fitted constants."""

    theory: Theory
    constants: list[tuple[str, float, float]]  #: name, value, standard error
    model: Model | None  #: its graph; None where no constants give finite values
    complexity: float = np.nan
    loss: float = np.inf
    criterion: float = np.inf

    @property
    def values(self) -> np.ndarray:
        return np.array([value for _, value, _ in self.constants], float)


def judged_theory(
    theory: Theory,
    objective: Objective,
    problem: Problem,
    origin: np.ndarray,
    rng: np.random.Generator,
) -> JudgedTheory:
    """A theory fitted to one output.

    It was written down before the data were seen, and pays for its constants alone, each
    of them once (see `criteria.judged_beforehand`).

    Parameters
    ----------
    origin : ndarray of shape (inputs,)
        From where its graph counts the inputs; ``problem`` has them as they are.
    """
    problem = problem._replace(train_readout=True, train_bias=True)
    fit = fitted(theory, objective, problem, rng)
    unknown = [(name, np.nan, np.nan) for name in theory.constants]
    if not np.isfinite(fit.loss):
        return JudgedTheory(theory, unknown, None)
    try:
        model = graph_of(theory, fit.constants, origin, None, objective)
    except Unwritable:
        return JudgedTheory(theory, unknown, None)
    count, counted = len(fit.constants), problem._replace(sparse_readout=True)
    intercepts = int(has_intercept(theory, fit.constants, problem))
    return JudgedTheory(
        theory,
        constants_with_errors(theory, fit.constants, model, problem),
        model,
        complexity(model, True),
        fit.loss,
        judged_beforehand(model, fit.loss, counted, count, intercepts),
    )


#: Share of what the criterion says that counts as evidence about equations of a search.
RATE = 0.5


def posterior_weights(criteria: np.ndarray) -> np.ndarray:
    """How probable each of the equations is that a search has found.

    These are the best of very many, none needs to be right, and their list is not
    complete: the whole difference of criteria would be too sure of the best. Half of it
    makes intervals hold what they promise (``benchmarks/results/certainty.md``); for the
    principle see Grünwald & van Ommen (2017, Bayesian Analysis 12), who call it the
    learning rate.
    """
    return weights_of_evidence(RATE * criteria)


def weights_of_evidence(criteria: np.ndarray) -> np.ndarray:
    """How probable each of some equations is, if one of them is right.

    exp(−difference/2), which sum to 1 (Burnham & Anderson 2002, Model Selection and
    Multimodel Inference, section 2.9); the criterion is −2 logarithms of the evidence.
    """
    if not np.isfinite(criteria).any():
        return np.full(len(criteria), np.nan)
    share = np.exp(-0.5 * (criteria - criteria.min()))
    return share / share.sum()
