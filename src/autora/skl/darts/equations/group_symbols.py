"""Coefficients that differ between groups as symbols, and the populations that they have.

A symbol such as a_i stands for the coefficient of group i. It has the same name in LaTeX,
in SymPy expressions, in source text and in tables.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import count
from typing import Any

import numpy as np

from ..graph.effects import Place
from ..graph.model import Model
from .printing import latex_name, latex_number, significant
from .symbolic import symbols

#: Letters of coefficients and of their index, without those that mean a number, a latent
#: node or, as a rule, a column.
_LETTERS, _INDICES = "abcdfgmpqrst", "ijn"


def symbol_names(model: Model, taken: Collection[str]) -> dict[Place, str]:
    """Names such as a_i of the coefficients that differ between groups.

    Their letters are none of the ``taken`` names of columns and constants, nor what such a
    name begins with, as that of a column a1 or "a (m)".
    """
    if model.effects is None:
        return {}
    index = next((letter for letter in _INDICES if letter not in taken), _INDICES[0])
    return dict(zip(model.effects.places, _named(taken, index), strict=False))


def _named(taken: Collection[str], index: str) -> Iterator[str]:
    stems = {re.split(r"[\W\d_]", name, maxsplit=1)[0] for name in taken}
    for times in count(1):
        for letter in _LETTERS:
            if letter * times not in stems:
                yield f"{letter * times}_{index}"


def stand_ins(names: Mapping[Place, str]) -> dict[Place, Any]:
    """SymPy symbols in the place of coefficients, with the names given."""
    return dict(zip(names, symbols([*names.values()]), strict=True))


def rows_of_groups(model: Model, points: np.ndarray) -> np.ndarray:
    """Points (n, inputs) as rows of the population and of every group, by turns.

    The number of the group is the last column, as in what a model is evaluated at.
    """
    assert model.effects is not None
    turn = np.arange(len(points)) % (len(model.effects.values) + 1) - 1
    return np.column_stack([points, turn])


def distribution(
    symbol: str, mean: float, spread: float, logarithm: bool, digits: int
) -> str:
    """LaTeX that says from which population the coefficients of groups come.

    Parameters
    ----------
    symbol : str
        Name of the coefficient.
    mean, spread : float
        As in ``population_``.
    logarithm : bool
        Whether the spread is that of the logarithm: of the size of a negative coefficient.
    digits : int
        Significant digits.
    """
    name, sign = latex_name(symbol), "-" if mean < 0 else ""
    middle, width = (
        latex_number(significant(number, digits)) for number in (abs(mean), spread)
    )
    if logarithm:
        name = rf"\ln {_as_one(sign + name)}"
        middle, sign = rf"\ln {_as_one(middle)}", ""
    squared = f"{_as_one(width)}^2"
    return rf"{name} \sim \mathcal{{N}}\left({sign}{middle},\ {squared}\right)"


def _as_one(part: str) -> str:
    """In brackets where it is a product or has a sign."""
    return rf"\left({part}\right)" if part[0] == "-" or r"\cdot" in part else part
