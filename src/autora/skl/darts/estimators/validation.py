"""Checks of parameters and data that run before anything is computed.

Every error names the argument, its value and the remedy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

from ..graph.grammar import Parsed, parsed
from ..graph.objectives import OBJECTIVES, Objective
from ..graph.search_space import check_aggregations
from ..selection import POLICIES, SELECTIONS
from ..selection.experiments import TOPICS
from .physical_constants import check_constants

FOUND = "found"  #: what tables of theories call the equation of the estimator itself


class _Number(Interval):
    """A range of numbers; True and False are none."""

    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, bool) and super().is_satisfied_by(val)


class _Words(StrOptions):
    """Strings; messages list them alphabetically, while a set has no order to rely on."""

    def __str__(self) -> str:
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}"


_COUNT = _Number(Integral, 0, None, closed="left")
_POSITIVE_COUNT = _Number(Integral, 1, None, closed="left")
_RATE = _Number(Real, 0, None, closed="left")
_POSITIVE = _Number(Real, 0, None, closed="neither")
_FRACTION = _Number(Real, 0, 1, closed="left")
_AUTO = _Words({"auto"})

#: What every parameter may be, as scikit-learn writes it.
_CONSTRAINTS: dict[str, list[Any]] = {
    "batch_size": [_AUTO, None, _POSITIVE_COUNT],
    "num_graph_nodes": [_AUTO, _POSITIVE_COUNT],
    "output_type": [_Words(set(OBJECTIVES))],
    "classifier_weight_decay": [_RATE],
    "darts_type": [_Words({"original", "fair"})],
    "init_weights_function": [callable, None],
    "param_updates_per_epoch": [_COUNT],
    "param_updates_for_sampled_model": [_COUNT],
    "param_learning_rate_max": [_RATE],
    "param_learning_rate_min": [_RATE],
    "param_momentum": [_FRACTION],
    "param_weight_decay": [_RATE],
    "arch_updates_per_epoch": [_COUNT],
    "arch_learning_rate_max": [_RATE],
    "arch_learning_rate_min": [None, _RATE],
    "arch_weight_decay": [_RATE],
    "arch_weight_decay_df": [_RATE],
    "arch_weight_decay_base": [_RATE],
    "arch_momentum": [_FRACTION],
    "fair_darts_loss_weight": [_RATE],
    "max_epochs": [_COUNT],
    "grad_clip": [_POSITIVE],
    "train_classifier_coefficients": [_AUTO, "boolean"],
    "train_classifier_bias": [_AUTO, "boolean"],
    "execution_monitor": [callable, None],
    "sampling_strategy": [_Words({"max", "sample"})],
    "aggregations": [_AUTO, "array-like"],
    "max_in_degree": [None, _POSITIVE_COUNT],
    "n_candidates": [_AUTO, _COUNT],
    "n_restarts": [_POSITIVE_COUNT],
    "n_jobs": [None, _POSITIVE_COUNT, _Number(Integral, None, 0, closed="neither")],
    "max_time": [None, _POSITIVE],
    "checkpoint": [None, str, os.PathLike],
    "model_selection": [_Words(set(SELECTIONS)), callable],
    "tolerance": [_AUTO, _FRACTION],
    "round_coefficients": [_Words({"auto", "exact"}), "boolean"],
    "validation_fraction": [_FRACTION],
    "unrolled": ["boolean"],
    "precondition": ["boolean"],
    "warm_start": ["boolean"],
    "dimensionless_constants_only": ["boolean"],
    "group_coefficients": [_Words(set(POLICIES))],
    "shrinkage": ["boolean"],
}

#: The same of a choice of experiments.
_OF_EXPERIMENTS: dict[str, list[Any]] = {
    "num_samples": [_POSITIVE_COUNT],
    "weights": [_Words({"evidence"}), None, "array-like"],
    "about": [_Words(set(TOPICS))],
    "noise": [None, _POSITIVE, "array-like"],
    "replace": ["boolean"],
    "random_state": [_COUNT],
}


def plain(word: Any) -> Any:
    """A member of an enumeration (DARTSType, autora.variable.ValueType) as its value."""
    return getattr(word, "value", word)


def check_parameters(params: dict[str, Any], estimator: str) -> None:
    """Raise on the first parameter that is out of its range."""
    if params.get("output_type") == "class":
        raise NotImplementedError(
            "output_type='class' is a classification; DARTSRegressor predicts numbers. Use "
            "DARTSClassifier for labels, 'probability_sample' for 0/1 outcomes or "
            "'probability_distribution' for one-hot rows."
        )
    validate_parameter_constraints(_CONSTRAINTS, params, estimator)
    check_constants(params.get("constants"))
    if params["guesses"] is not None:
        texts_of(params["guesses"], "guesses")
    if params["equation"] is not None:
        parsed(params["equation"], "equation")
    if not isinstance(params["aggregations"], str):
        check_aggregations(params["aggregations"])
    seed = params["random_state"]
    if params["checkpoint"] is not None and (
        isinstance(seed, bool) or not isinstance(seed, Integral)
    ):
        raise ValueError(
            "checkpoint needs an integer as random_state, by which another process finds "
            f"the search that it goes on with; got {seed!r}"
        )


def check_experiments(params: dict[str, Any], function: str) -> None:
    """Raise on the first option of a choice of experiments that is out of its range."""
    known = {name: _OF_EXPERIMENTS[name] for name in params}
    validate_parameter_constraints(known, params, function)


def texts_of(texts: Any, argument: str) -> list[Parsed]:
    """Theories that were given as a sequence of texts, each read."""
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise ValueError(
            f"{argument} must be a sequence of texts such as ['a*x1**b'], got {texts!r}"
        )
    found = [parsed(text, f"{argument}[{i}]") for i, text in enumerate(texts)]
    if not found:
        raise ValueError(f"{argument} must hold one theory at least, got {texts!r}")
    if any(theory.label == FOUND for theory in found):
        raise ValueError(
            f"{argument} has the label {FOUND!r}, which tables give to the equation of the "
            "estimator itself; choose another"
        )
    return found


def check_targets(y: np.ndarray, objective: Objective) -> None:
    """Targets of shape (n, outputs) that an output type can mean."""
    kind = objective.name
    if not objective.probability:
        return
    low, high = y.min(), y.max()
    if low < 0 or high > 1:
        raise ValueError(
            f"y must lie in [0, 1] for output_type={kind!r}, got values from {low:g} "
            f"to {high:g}; rescale y or use output_type='real'"
        )
    if objective.competing:
        if y.shape[1] < 2:
            raise ValueError(
                f"y needs one column per outcome for output_type={kind!r}, got shape "
                f"{y.shape}; use 'probability' for a single column"
            )
        sums = y.sum(axis=1)
        if not np.allclose(sums, 1, atol=1e-3):
            raise ValueError(
                f"rows of y must sum to 1 for output_type={kind!r}, got sums from "
                f"{sums.min():g} to {sums.max():g}; normalise the rows"
            )
