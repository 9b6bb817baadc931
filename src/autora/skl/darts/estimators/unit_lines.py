"""Where units are shown: below an equation, and at the arrows of its graph."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..equations.printing import console_name, latex_name, number_text
from ..fitting.coefficients import Place
from ..graph.model import Model
from ..graph.physical_constants import PhysicalConstant
from .unit_texts import shown_unit
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
        texts = [column_unit(name, unit) for name, unit in columns]
        return [r"\text{Units: } " + ", ".join(texts)]
    texts = [
        f"{console_name(name)} in {unit}" if unit else f"{console_name(name)} a number"
        for name, unit in columns
    ]
    return ["Units: " + ", ".join(texts)]


def column_unit(name: str, unit: str) -> str:
    """LaTeX that says in which unit something is; "" is that of a number."""
    if unit:
        return rf"{latex_name(name)} \text{{ in }} \unit{{{unit}}}"
    return rf"{latex_name(name)} \text{{ a number}}"


def constant_lines(
    constants: Sequence[tuple[PhysicalConstant, str]], latex: bool
) -> list[str]:
    """One line for each physical constant, as it was given and as it predicts.

    Parameters
    ----------
    constants : sequence of (PhysicalConstant, str)
        With the units that their values have in the model.
    latex : bool
    """
    lines = []
    for known, unit in constants:
        forms = [(known.amount, shown_unit(known.unit, latex)), (known.value, unit)]
        texts = [_quantity(*form, latex) for form in dict.fromkeys(forms)]
        name = latex_name(known.name) if latex else console_name(known.name)
        lines.append(" = ".join([name, *texts]))
    return lines


def _quantity(value: float, unit: str, latex: bool) -> str:
    number = repr(value).removesuffix(".0")
    if latex:
        return rf"\qty{{{number}}}{{{unit}}}" if unit else number
    return f"{number} {unit}".rstrip()


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


def units_of_arrows(
    model: Model, where: Sequence[Place], found: Sequence[str]
) -> tuple[dict[int, str], dict[tuple[int, int], str]]:
    """Units of coefficients by the edges, and by the read-outs, that they belong to.

    Parameters
    ----------
    model : Model
    where : sequence of Place
        Where the coefficients are.
    found : sequence of str
        Their units; of an edge with several coefficients they say which is whose.
    """
    edges: dict[int, list[str]] = {}
    readout: dict[tuple[int, int], str] = {}
    for place, unit in zip(where, found, strict=True):
        if unit in ("", UNKNOWN):
            continue
        if place.kind == "readout":
            readout[place.row, place.column] = unit
        elif place.kind == "edge":
            primitive = model.space.primitives[model.architecture[place.row]]
            several = primitive.n_params > 1
            name = f"{primitive.params[place.column]} " if several else ""
            edges.setdefault(place.row, []).append(name + unit)
    return {edge: ", ".join(units) for edge, units in edges.items()}, readout
