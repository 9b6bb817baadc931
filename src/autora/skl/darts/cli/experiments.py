"""The command ``next``: the conditions at which an observation tells most."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from ..graph.spelling import did_you_mean
from .report import UsageError, note, put, warnings_as_notes
from .sources import about, load, read
from .text_tables import listing
from .wording import in_terms_of_options

#: Values of every input in a grid, by the number of inputs.
_LEVELS = (101, 31, 11, 6, 4, 3)


def next_experiments(asked: argparse.Namespace) -> int:
    """Conditions out of a file or a grid, the most informative first, as CSV."""
    _check(asked)
    models = [load(path) for path in asked.models]
    for path, model in zip(asked.models, models, strict=True):
        if hasattr(model, "classes_"):
            raise UsageError(
                f"{path} is a model of classes; next needs models that predict numbers"
            )
    names = list(dict.fromkeys(n for m in models for n in m._labels("input_labels", None)))
    separator, decimal = ",", "."
    if asked.pool is None:
        pool = _grid(_ranges(asked, models, names))
    else:
        with about(asked.pool):
            table = read(asked, asked.pool)
            table = table.complete(table.find(names), (), asked.drop_missing)
            pool = table.numbers(names)
        separator, decimal = table.separator, table.decimal
        for text in table.notes:
            note(text)
    chosen = _chosen(asked, models, pool)
    cells = chosen.map(lambda value: repr(float(value)).removesuffix(".0"))
    if decimal != ".":
        cells = cells.map(lambda text: text.replace(".", decimal))
    put(cells.to_csv(sep=separator, index=False, lineterminator="\n"), asked.output)
    return 0


def _check(asked: argparse.Namespace) -> None:
    if asked.pool is not None and asked.range:
        raise UsageError("--range cannot be combined with --pool: leave one of them out")
    if [asked.pool, *asked.models].count("-") > 1:
        raise UsageError("only one file can come from standard input")
    count = len(asked.models)
    if asked.weights and asked.weights != ["evidence"]:
        numbers = [_number(text) for text in asked.weights]
        if len(numbers) != count or any(number is None for number in numbers):
            raise UsageError(
                f"--weights must be evidence, or {count} numbers, one for each MODEL, got "
                f"{' '.join(asked.weights)!r}"
            )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _chosen(asked: argparse.Namespace, models: Sequence[Any], pool: pd.DataFrame) -> Any:
    """Rows of the pool, the most informative first."""
    from ..experimentalist import discriminating

    weights: Any = None
    if asked.weights:
        numbers = [_number(text) for text in asked.weights]
        weights = "evidence" if asked.weights == ["evidence"] else numbers
    named = any(hasattr(model, "feature_names_in_") for model in models)
    with warnings_as_notes(), in_terms_of_options():
        rows = discriminating(
            pool if named else pool.to_numpy(),
            models,
            asked.samples,
            weights=weights,
            about=asked.about,
            noise=asked.noise,
            replace=asked.repeat,
            random_state=asked.seed,
        )
    return pd.DataFrame(rows, columns=pool.columns)


# A grid in place of a file


def _ranges(
    asked: argparse.Namespace, models: Sequence[Any], names: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """The least and largest value of every input: as asked for, else those of the fits."""
    given = dict(_range(text, names) for text in asked.range or ())
    found: dict[str, tuple[float, float]] = {}
    for model in models:
        known = getattr(model, "_input_ranges", None)
        for i, name in enumerate(model._labels("input_labels", None)):
            if known is not None and name not in given:
                low, high = known[:, i].tolist()
                before = found.get(name, (low, high))
                found[name] = min(low, before[0]), max(high, before[1])
    found |= given
    if missing := [name for name in names if name not in found]:
        raise UsageError(
            f"the models do not know the range of {listing(missing)}; give "
            f"--range {missing[0]!r}=LOW:HIGH, or a --pool"
        )
    return {name: found[name] for name in names}


def _range(text: str, names: Sequence[str]) -> tuple[str, tuple[float, float]]:
    name, _, ends = text.rpartition("=")
    low, sign, high = ends.partition(":")
    bounds = _number(low), _number(high)
    if not name or not sign or bounds[0] is None or bounds[1] is None:
        raise UsageError(f"--range must be written as NAME=LOW:HIGH, got {text!r}")
    if name not in names:
        raise UsageError(
            f"--range: there is no input {name!r}{did_you_mean(name, names)} The inputs of "
            f"the models are {listing(names)}"
        )
    if not bounds[0] < bounds[1]:
        raise UsageError(f"--range: the first end must be the smaller one, got {text!r}")
    return name, (bounds[0], bounds[1])


def _grid(ranges: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """All combinations of evenly spaced values."""
    if len(ranges) > len(_LEVELS):
        raise UsageError(
            f"a grid of {len(ranges)} inputs is too large; give conditions that are "
            "possible in a file, by --pool"
        )
    levels = _LEVELS[len(ranges) - 1]
    said = ", ".join(f"{name!r} from {a:g} to {b:g}" for name, (a, b) in ranges.items())
    note(
        f"conditions are chosen from a grid of {levels} values of {said}; --range and "
        "--pool give others"
    )
    values = [_spaced(low, high, levels) for low, high in ranges.values()]
    return pd.DataFrame(list(product(*values)), columns=list(ranges))


def _spaced(low: float, high: float, count: int) -> list[float]:
    """Evenly spaced numbers, as round as a hundredth of a step allows."""
    if low == high:
        return [low]
    digits = 2 - math.floor(math.log10((high - low) / (count - 1)))
    return np.linspace(low, high, count).round(digits).clip(low, high).tolist()
