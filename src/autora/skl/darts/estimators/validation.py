"""Checks of parameters and data that run before anything is computed.

Every error names the argument, its value and the remedy.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..graph.objectives import OBJECTIVES, Objective
from ..graph.search_space import AGGREGATIONS
from ..selection.pareto import SELECTIONS


class _Range(NamedTuple):
    integer: bool = False
    low: float = 0.0
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def describe(self) -> str:
        kind = "an integer" if self.integer else "a finite number"
        if self.high == math.inf:
            return f"{kind} {'>' if self.open_low else '>='} {self.low:g}"
        left, right = "[("[self.open_low], "])"[self.open_high]
        return f"{kind} in {left}{self.low:g}, {self.high:g}{right}"


_COUNT = _Range(integer=True)
_POSITIVE_COUNT = _Range(integer=True, low=1)
_RATE = _Range()
_FRACTION = _Range(high=1, open_high=True)

_RANGES = {
    "max_epochs": _COUNT,
    "arch_updates_per_epoch": _COUNT,
    "param_updates_per_epoch": _COUNT,
    "param_updates_for_sampled_model": _COUNT,
    "classifier_weight_decay": _RATE,
    "param_learning_rate_max": _RATE,
    "param_learning_rate_min": _RATE,
    "param_momentum": _FRACTION,
    "param_weight_decay": _RATE,
    "arch_learning_rate_max": _RATE,
    "arch_weight_decay": _RATE,
    "arch_weight_decay_df": _RATE,
    "arch_weight_decay_base": _RATE,
    "arch_momentum": _FRACTION,
    "fair_darts_loss_weight": _RATE,
    "grad_clip": _Range(open_low=True),
    "n_restarts": _POSITIVE_COUNT,
    "validation_fraction": _FRACTION,
}
#: Numbers that have a word as an alternative.
_OR_ELSE = {
    "num_graph_nodes": ("auto", _POSITIVE_COUNT),
    "n_candidates": ("auto", _COUNT),
    "batch_size": ("auto", _POSITIVE_COUNT),
    "max_in_degree": (None, _POSITIVE_COUNT),
    "max_time": (None, _Range(open_low=True)),
    "arch_learning_rate_min": (None, _RATE),
    "tolerance": ("auto", _FRACTION),
}
_FLAGS = (
    "unrolled",
    "precondition",
    "warm_start",
)
_CHOICES = {
    "output_type": tuple(OBJECTIVES),
    "darts_type": ("original", "fair"),
    "sampling_strategy": ("max", "sample"),
}
_AUTO_FLAGS = ("train_classifier_coefficients", "train_classifier_bias")


def check_number(name: str, value: Any, allowed: _Range, or_else: str = "") -> None:
    kind = numbers.Integral if allowed.integer else numbers.Real
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, kind):
        raise TypeError(
            f"{name} must be {allowed.describe()}{or_else}, got {value!r} "
            f"of type {type(value).__name__}"
        )
    number = float(value)
    below = number <= allowed.low if allowed.open_low else number < allowed.low
    above = number >= allowed.high if allowed.open_high else number > allowed.high
    if not math.isfinite(number) or below or above:
        raise ValueError(f"{name} must be {allowed.describe()}{or_else}, got {value!r}")


def choice(name: str, value: Any) -> str:
    """A string or ``str`` enum (DARTSType, autora.variable.ValueType) as plain text."""
    text = getattr(value, "value", value)
    if not isinstance(text, str):
        raise TypeError(
            f"{name} must be one of {list(_CHOICES[name])}, got {value!r} "
            f"of type {type(value).__name__}"
        )
    if text == "class":
        raise NotImplementedError(
            f"{name}='class' is a classification; DARTSRegressor predicts numbers. Use "
            "DARTSClassifier for labels, 'probability_sample' for 0/1 outcomes or "
            "'probability_distribution' for one-hot rows."
        )
    if text not in _CHOICES[name]:
        raise ValueError(f"{name} must be one of {list(_CHOICES[name])}, got {value!r}")
    return text


def check_parameters(params: dict[str, Any]) -> None:
    """Raise on the first parameter that is out of its range."""
    for name, allowed in _RANGES.items():
        check_number(name, params[name], allowed)
    for name in _FLAGS:
        if not isinstance(params[name], (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False, got {params[name]!r}")
    for name in _AUTO_FLAGS:
        value = params[name]
        if not isinstance(value, (bool, np.bool_)) and value != "auto":
            raise TypeError(f"{name} must be True, False or 'auto', got {value!r}")
    for name in [name for name in _CHOICES if name in params]:
        choice(name, params[name])
    for name, (word, allowed) in _OR_ELSE.items():
        value = params[name]
        if value is None and (word is None or name == "batch_size"):
            continue
        if not (isinstance(value, str) and value == word):
            check_number(name, value, allowed, f" or {word!r}")
    _check_jobs(params["n_jobs"])
    _check_checkpoint(params["checkpoint"], params["random_state"])
    check_aggregations(params["aggregations"])
    _check_selection(params["model_selection"])
    _check_rounding(params["round_coefficients"])
    for name in ("execution_monitor", "init_weights_function"):
        _check_callable(name, params[name])


def _check_jobs(value: Any) -> None:
    """``n_jobs``: None or what joblib takes."""
    if value is None:
        return
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"n_jobs must be None or an integer, got {value!r}")
    if value == 0:
        raise ValueError(
            "n_jobs must not be 0, got 0; give 1 for one worker, -1 for all cores"
        )


def _check_checkpoint(value: Any, random_state: Any) -> None:
    if value is None:
        return
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(
            f"checkpoint must be None or the path of a folder, got {value!r} of type "
            f"{type(value).__name__}"
        )
    if isinstance(random_state, (bool, np.bool_)) or not isinstance(
        random_state, numbers.Integral
    ):
        raise ValueError(
            "checkpoint needs an integer as random_state, by which another process finds "
            f"the search that it goes on with; got {random_state!r}"
        )


def check_aggregations(value: Any) -> None:
    """``aggregations``: "auto" or one or both of "sum" and "product"."""
    if isinstance(value, str) and value == "auto":
        return
    names = [value] if isinstance(value, str) else value
    if isinstance(value, str) or not isinstance(names, Iterable):
        kind = ValueError if isinstance(value, str) else TypeError
        raise kind(
            f"aggregations must be 'auto' or a sequence of {list(AGGREGATIONS)} such as "
            f"['sum', 'product'], got {value!r}"
        )
    names = list(names)
    unknown = [name for name in names if name not in AGGREGATIONS]
    if unknown or not names or len(set(names)) != len(names):
        raise ValueError(
            f"aggregations must name one or both of {list(AGGREGATIONS)}, each once, "
            f"got {value!r}"
        )


def _check_selection(value: Any) -> None:
    if callable(value) or value in SELECTIONS:
        return
    kind = ValueError if isinstance(value, str) else TypeError
    raise kind(
        f"model_selection must be one of {list(SELECTIONS)} or a function of the table "
        f"equations_ that returns the label of a row, got {value!r}"
    )


def _check_rounding(value: Any) -> None:
    if isinstance(value, (bool, np.bool_)) or value in ("auto", "exact"):
        return
    kind = ValueError if isinstance(value, str) else TypeError
    raise kind(f"round_coefficients must be True, False, 'exact' or 'auto', got {value!r}")


def _check_callable(name: str, value: Callable | None) -> None:
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be callable or None, got {value!r}")


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
    if kind == "probability_distribution":
        if y.shape[1] < 2:
            raise ValueError(
                "y needs one column per outcome for output_type="
                f"'probability_distribution', got shape {y.shape}; use 'probability' "
                "for a single column"
            )
        sums = y.sum(axis=1)
        if not np.allclose(sums, 1, atol=1e-3):
            raise ValueError(
                "rows of y must sum to 1 for output_type='probability_distribution', "
                f"got sums from {sums.min():g} to {sums.max():g}; normalise the rows"
            )
