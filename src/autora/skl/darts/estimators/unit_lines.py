"""Units below an equation: of its columns, and of the coefficients that have one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..equations.printing import console_name, latex_name, number_text
from .units import UNKNOWN, Units


def unit_lines(
    units: Units,
    used: Collection[int],
    names: tuple[Sequence[str], Sequence[str]],
    latex: bool,
) -> list[str]:
    """The line that says in which units the columns of an equation are.

    Parameters
    ----------
    units : Units
    used : collection of int
        Numbers of the inputs that stand in the equation.
    names : pair of sequences of str
        Of the inputs and the outputs.
    latex : bool
        Whether it is for siunitx.
    """
    inputs, outputs = names
    found = units.of_columns([*inputs, *outputs], latex)
    columns = list(zip(outputs, found[len(inputs) :], strict=True))
    columns += [(inputs[i], found[i]) for i in sorted(used)]
    if latex:
        texts = [
            rf"{latex_name(name)} \text{{ in }} \unit{{{unit}}}"
            if unit
            else rf"{latex_name(name)} \text{{ a number}}"
            for name, unit in columns
        ]
        return [r"\text{Units: } " + ", ".join(texts)]
    texts = [
        f"{console_name(name)} in {unit}" if unit else f"{console_name(name)} a number"
        for name, unit in columns
    ]
    return ["Units: " + ", ".join(texts)]


def coefficient_lines(table: Any, decimals: int, latex: bool) -> list[str]:
    """One line for each coefficient that has a unit.

    Parameters
    ----------
    table : DataFrame
        As ``coefficients_``, with units.
    decimals : int
        Rounding, as in the equation.
    latex : bool
    """
    rows = zip(table["term"], table["coefficient"], table["unit"], strict=True)
    known = [
        (name, number_text(value, decimals), unit)
        for name, value, unit in rows
        if unit not in ("", UNKNOWN)
    ]
    if latex:
        return [rf"{latex_name(n)} = \qty{{{value}}}{{{unit}}}" for n, value, unit in known]
    return [f"{name} = {value} {unit}" for name, value, unit in known]
